use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use deis_bootstrap::DeadlineExceeded;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

/// A connection and its place among those that there may be, for as long as it is open, also when it has become a websocket. It fails when
/// its other end takes nothing of what is sent.
#[derive(Debug)]
pub(super) struct Seat {
    stream: TcpStream,
    stall: Duration,
    /// Runs while something waits to be taken.
    timer: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

impl Seat {
    pub(super) fn new(stream: TcpStream, stall: Duration, place: OwnedSemaphorePermit) -> Self {
        // Small answers are to leave at once; it fails only on a dead connection.
        drop(stream.set_nodelay(true));
        Self { stream, stall, timer: None, _place: place }
    }

    fn check<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.timer = None;
            return polled;
        }
        let stall = self.stall;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + stall)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, DeadlineExceeded(stall))))
    }
}

impl AsyncRead for Seat {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Seat {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, data);
        self.check(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, data);
        self.check(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::Semaphore;

    use super::*;

    async fn seat(stall: Duration) -> (Seat, TcpStream, Arc<Semaphore>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let places = Arc::new(Semaphore::new(1));
        let place = Arc::clone(&places).acquire_owned().await.unwrap();
        (Seat::new(listener.accept().await.unwrap().0, stall, place), client, places)
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (mut seat, _client, places) = seat(Duration::from_millis(100)).await;
        // More than all buffers between them hold.
        let failed = seat.write_all(&vec![0; 64 << 20]).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert_eq!(places.available_permits(), 0);
        drop(seat);
        assert_eq!(places.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_client_that_takes_all_gets_all() {
        let (mut seat, mut client, _places) = seat(Duration::from_secs(60)).await;
        let sent = async {
            seat.write_all(&vec![0; 64 << 20]).await.unwrap();
            seat.shutdown().await.unwrap();
        };
        let mut heard = Vec::new();
        let (_sent, heard) = tokio::join!(sent, client.read_to_end(&mut heard));
        assert_eq!(heard.unwrap(), 64 << 20);
    }
}
