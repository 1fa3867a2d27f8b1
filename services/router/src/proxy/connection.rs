//! A connection to a pod, which can be asked whether the pod has closed it.

use std::io::{self, IoSlice};
use std::os::fd::AsRawFd as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::Error;
use hyper::client::conn::http1::SendRequest;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, Shutdown, recv, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Upload;
use super::kept::Kept;

/// A connection that takes one request after another.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) sender: SendRequest<Upload>,
    /// Goes with the task that reads and writes: what is idle in the pool does not keep a socket that the pod has closed.
    socket: Weak<TcpStream>,
    kept: Arc<Kept>,
}

impl Connection {
    pub(super) fn new(sender: SendRequest<Upload>, socket: Weak<TcpStream>, kept: Arc<Kept>) -> Self {
        Self { sender, socket, kept }
    }

    /// Whether it is known to take no request any more.
    pub(crate) fn is_over(&self) -> bool {
        self.sender.is_closed()
    }

    /// It is idle from now on; not if it takes no request any more, or there are too many, which an `own` one does not care for.
    pub(crate) fn rest(&self, own: bool) -> bool {
        !self.is_over() && self.kept.rest(own)
    }

    /// Whether it was taken for its newest request longer ago than this. From then on, and not from the end of the answer as it reached us,
    /// the pod may have had nothing to do: much of an answer may wait in buffers for a slow client.
    pub(crate) fn was_asked_before(&self, limit: Duration) -> bool {
        self.kept.asked() > limit
    }

    /// Takes an idle one for a request; whether it is still open. The kernel is asked: on a busy machine it knows for a while that the
    /// pod has closed before the task hears of it that reads from the connection.
    pub(crate) fn resume(&self) -> bool {
        self.kept.resume() && !self.is_over() && self.socket.upgrade().is_some_and(|stream| !has_ended(&stream))
    }

    /// Waits until it takes a request.
    ///
    /// # Errors
    /// It takes none any more.
    pub(super) async fn ready(&mut self) -> Result<(), Error> {
        self.sender.ready().await
    }
}

/// Whether a stream's end has come, or anything else that nobody asked for. To be asked while no answer is under way.
fn has_ended(stream: &TcpStream) -> bool {
    recv(stream.as_raw_fd(), &mut [0; 1], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT) != Err(Errno::EAGAIN)
}

/// The stream of a connection, for the task that reads and writes, or for what the connection has become. Counted as long as it is open.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Arc<TcpStream>,
    open: Arc<AtomicUsize>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self { stream: Arc::new(stream), open: Arc::clone(open) }
    }

    pub(super) fn downgrade(&self) -> Weak<TcpStream> {
        Arc::downgrade(&self.stream)
    }

    fn poll_write_with<T>(
        &self,
        context: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            match write(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            match self.stream.try_read_buf(buffer) {
                Ok(_count) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_with(context, |stream| stream.try_write(data))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(context, |stream| stream.try_write_vectored(data))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(shutdown(self.stream.as_raw_fd(), Shutdown::Write).map_err(Into::into))
    }
}

#[cfg(test)]
mod tests {
    use deis_bootstrap::deadline;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    async fn pair() -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (stream, accepted) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), async { listener.accept().await });
        (Socket::new(stream.unwrap(), &Arc::default()), accepted.unwrap().0)
    }

    #[tokio::test]
    async fn the_kernel_knows_first_that_the_other_side_has_closed() {
        let (socket, other) = pair().await;
        assert!(!has_ended(&socket.stream));
        // On loopback the end has arrived when this returns. No task has been polled in between.
        drop(other);
        assert!(has_ended(&socket.stream));

        let (socket, mut other) = pair().await;
        other.write_all(b"nobody asked").await.unwrap();
        assert!(has_ended(&socket.stream));
    }

    #[tokio::test]
    async fn bytes_and_the_end_go_both_ways() {
        let (mut socket, mut other) = pair().await;
        let sent = vec![7; 3_000_000];
        let write = async {
            socket.write_all(&sent).await.unwrap();
            socket.shutdown().await.unwrap();
        };
        let mut heard = Vec::new();
        let read = async { other.read_to_end(&mut heard).await.unwrap() };
        deadline(LIMIT, async { tokio::join!(write, read) }).await.unwrap();
        assert_eq!(heard, sent);
        other.write_all(b"answer").await.unwrap();
        drop(other);
        let mut answer = String::new();
        deadline(LIMIT, socket.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert_eq!(answer, "answer");
    }
}
