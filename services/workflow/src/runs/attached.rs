use deis_api::session::{Frame, Size};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How much of an output is taken at a time, in bytes.
const PIECE: usize = 16 * 1024;
/// How much may come before the mark, in bytes: no more than a terminal echoes.
const BEFORE_MARK: usize = 1024;

/// A process that somebody is connected with.
pub struct Attached {
    /// What it reads.
    pub stdin: Box<dyn AsyncWrite + Send + Unpin>,
    /// What it prints, or all that its terminal shows.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// What it prints besides, without a terminal.
    pub stderr: Option<Box<dyn AsyncRead + Send + Unpin>>,
    /// Gives its terminal another size; waits for those before it.
    pub resize: Option<Box<dyn FnMut(Size) -> BoxFuture<'static, ()> + Send>>,
    /// Its exit code as the connection tells it, or why there is none. That of a command with a pod of its own stands in the pod.
    pub exit_code: BoxFuture<'static, Result<i32, String>>,
    /// Ends with this.
    pub connection: Box<dyn Send>,
}

/// A client with both of his directions. Neither holds more than a few frames: whoever sends waits.
pub struct Client {
    /// What comes from him; it ends when he goes.
    pub frames: mpsc::Receiver<Frame>,
    /// What goes to him.
    pub answers: mpsc::Sender<Frame>,
    /// Whether he is gone.
    pub gone: CancellationToken,
}

/// Why a conversation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// The process prints nothing any more.
    Ended,
    /// The client has gone.
    Left,
}

/// Carries what both say until one of them is gone. Of the output, what comes before `mark` is nothing to the client.
pub(super) async fn converse(attached: &mut Attached, client: &mut Client, mark: Option<&[u8]>) -> Over {
    let Attached { stdin, stdout, stderr, resize, .. } = attached;
    let Client { frames, answers, .. } = client;
    let input = async {
        while let Some(frame) = frames.recv().await {
            let taken = match frame {
                Frame::Stdin(bytes) if bytes.is_empty() => stdin.shutdown().await,
                Frame::Stdin(bytes) => stdin.write_all(&bytes).await,
                Frame::Resize(size) => {
                    if let Some(resize) = resize {
                        resize(size).await;
                    }
                    Ok(())
                }
                // These are ours to say.
                Frame::Stdout(_) | Frame::Stderr(_) | Frame::Exit(_) => Ok(()),
            };
            if let Err(error) = taken {
                // A process may read nothing, and print on.
                tracing::debug!(%error, "a process does not take its input");
            }
        }
        Over::Left
    };
    let output = async {
        let besides = async {
            match stderr {
                Some(stderr) => forward(stderr, Frame::Stderr, answers, None).await,
                None => Over::Ended,
            }
        };
        match tokio::join!(forward(stdout, Frame::Stdout, answers, mark), besides) {
            (Over::Ended, Over::Ended) => Over::Ended,
            _ => Over::Left,
        }
    };
    tokio::select! {
        over = output => over,
        over = input => over,
    }
}

async fn forward(
    from: &mut (dyn AsyncRead + Send + Unpin),
    frame: fn(Vec<u8>) -> Frame,
    answers: &mpsc::Sender<Frame>,
    mut mark: Option<&[u8]>,
) -> Over {
    let mut before = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        let read = match from.read(&mut piece).await {
            Ok(0) | Err(_) => return Over::Ended,
            Ok(read) => read,
        };
        let mut bytes = piece.get(..read).unwrap_or_default().to_vec();
        if let Some(awaited) = mark {
            before.append(&mut bytes);
            let Some(rest) = after(&before, awaited) else { continue };
            bytes = rest.to_vec();
            mark = None;
        }
        if !bytes.is_empty() && answers.send(frame(bytes)).await.is_err() {
            return Over::Left;
        }
    }
}

/// What stands behind the mark; `None` if that is still to come.
fn after<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = bytes.windows(mark.len()).position(|part| part == mark);
    match at {
        Some(at) => bytes.get(at + mark.len()..),
        None => (bytes.len() > BEFORE_MARK).then_some(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_before_the_mark_is_nothing() {
        assert_eq!(after(b"\r\n", b"\x1b[m"), None);
        assert_eq!(after(b"\r\n\x1b[mroot$ ", b"\x1b[m"), Some(&b"root$ "[..]));
        assert_eq!(after(b"\x1b[m", b"\x1b[m"), Some(&b""[..]));
        let much = vec![b'x'; BEFORE_MARK + 1];
        assert_eq!(after(&much, b"\x1b[m"), Some(&much[..]), "an image whose shell is not as it should be");
    }

    /// A client that takes nothing lets the process wait, and hears everything when he does.
    #[tokio::test]
    async fn nothing_is_dropped_and_nothing_is_heaped_up() {
        let (stdout, mut process) = tokio::io::duplex(64);
        let mut attached = Attached {
            stdin: Box::new(tokio::io::sink()),
            stdout: Box::new(stdout),
            stderr: None,
            resize: None,
            exit_code: Box::pin(async { Ok(0) }),
            connection: Box::new(()),
        };
        let (_frames, from_client) = mpsc::channel(1);
        let (answers, mut to_client) = mpsc::channel(1);
        let mut client = Client { frames: from_client, answers, gone: CancellationToken::new() };
        let converse = converse(&mut attached, &mut client, None);
        futures_util::pin_mut!(converse);
        let mut written = 0;
        while let Some(Ok(())) = {
            let write = process.write_all(&[b'x'; 64]);
            futures_util::pin_mut!(write);
            assert!(futures_util::poll!(&mut converse).is_pending());
            futures_util::FutureExt::now_or_never(write)
        } {
            written += 64;
            assert!(written < 1024, "somebody buffers");
        }
        drop(process);
        let mut read = 0;
        let listen = async {
            while let Some(Frame::Stdout(bytes)) = to_client.recv().await {
                read += bytes.len();
                if read >= written {
                    break;
                }
            }
        };
        let (over, ()) = tokio::join!(converse, listen);
        assert_eq!(over, Over::Ended);
        assert!(read >= written, "{read} of {written}");
    }
}
