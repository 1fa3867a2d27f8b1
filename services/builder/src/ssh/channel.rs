//! One channel, as streams of bytes that know nothing of SSH.

use std::sync::Arc;

use bytes::Bytes;
use deis_api::Username;
use deis_bootstrap::Tasks;
use russh::server::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Service;
use crate::Error;

/// Pieces that wait to be taken, in either direction. A piece is at most 32 KiB.
const IN_FLIGHT: usize = 16;

/// What a client asked for.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Command(Vec<u8>),
    Shell,
}

/// A request and the streams to serve it with.
pub(crate) struct Exchange {
    /// The user whose key was proved, or why that is not known.
    pub(crate) user: Result<Username, Error>,
    pub(crate) request: Request,
    /// What the client sends; ends when it has sent all.
    pub(crate) input: mpsc::Receiver<Bytes>,
    pub(crate) output: Output,
    /// The client went away.
    pub(crate) gone: CancellationToken,
}

/// The way back. Writing never fails: what a client that went away would have got is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pieces: mpsc::Sender<(Stream, Bytes)>,
}

#[derive(Clone, Copy, Debug)]
enum Stream {
    Output,
    Error,
}

impl Output {
    pub(crate) async fn write(&self, bytes: Bytes) {
        drop(self.pieces.send((Stream::Output, bytes)).await);
    }

    pub(crate) async fn write_error(&self, bytes: Bytes) {
        drop(self.pieces.send((Stream::Error, bytes)).await);
    }
}

/// A channel that was opened and on which nothing was asked for yet. It is read from the start: a channel that nobody reads
/// blocks its whole connection.
pub(super) struct OpenChannel {
    write: ChannelWriteHalf<Msg>,
    input: mpsc::Receiver<Bytes>,
    gone: CancellationToken,
    tasks: Tasks,
}

impl OpenChannel {
    pub(super) fn new(channel: Channel<Msg>, over: CancellationToken, tasks: &Tasks) -> Self {
        let (read, write) = channel.split();
        let (sender, input) = mpsc::channel(IN_FLIGHT);
        let gone = CancellationToken::new();
        drop(tasks.spawn("ssh input", read_input(read, sender, over, gone.clone())));
        Self { write, input, gone, tasks: tasks.clone() }
    }

    /// Serves the request and closes the channel with its exit status.
    pub(super) async fn serve(self, user: Result<Username, Error>, request: Request, service: Arc<dyn Service>) {
        let Self { write, input, gone, tasks } = self;
        let (pieces, queue) = mpsc::channel(IN_FLIGHT);
        let output = Output { pieces };
        let writer = tasks.spawn("ssh output", write_output(write, queue, gone.clone()));
        let status = service.serve(Exchange { user, request, input, output, gone }).await;
        // The writer ends when the last clone of the output is gone: all that was written is on its way then.
        if let Ok(write) = writer.await {
            let closed = async {
                write.exit_status(status).await?;
                write.eof().await?;
                write.close().await
            };
            if let Err(error) = closed.await {
                tracing::debug!(%error, "the client went away before the end");
            }
        }
    }
}

async fn read_input(
    mut read: ChannelReadHalf,
    sender: mpsc::Sender<Bytes>,
    over: CancellationToken,
    gone: CancellationToken,
) {
    let mut sender = Some(sender);
    let reading = async {
        loop {
            match read.wait().await {
                Some(ChannelMsg::Data { data }) => {
                    if let Some(open) = &sender
                        && open.send(data).await.is_err()
                    {
                        // Whoever read has ended; the rest is read and forgotten.
                        sender = None;
                    }
                }
                Some(ChannelMsg::Eof) => sender = None,
                Some(ChannelMsg::Close) | None => return,
                Some(_) => {}
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = over.cancelled() => {}
    }
    gone.cancel();
}

async fn write_output(
    write: ChannelWriteHalf<Msg>,
    mut queue: mpsc::Receiver<(Stream, Bytes)>,
    gone: CancellationToken,
) -> ChannelWriteHalf<Msg> {
    const STDERR: u32 = 1;
    while let Some((stream, bytes)) = queue.recv().await {
        let written = async {
            match stream {
                Stream::Output => write.data_bytes(bytes).await,
                Stream::Error => write.extended_data_bytes(STDERR, bytes).await,
            }
        };
        // A window that nobody opens any more would be waited for for ever.
        tokio::select! {
            written = written => if written.is_err() { gone.cancel() },
            () = gone.cancelled() => {}
        }
    }
    write
}
