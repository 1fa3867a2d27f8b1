use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::DeadlineExceeded;

/// Limits how long something may stay pending without a step forward. It costs nothing until something is pending.
#[derive(Debug)]
pub struct Idle {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl Idle {
    /// Nothing is pending yet.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { limit, timer: None, running: false }
    }

    /// There was a step forward.
    pub fn step(&mut self) {
        self.running = false;
    }

    /// Passes on what was polled.
    ///
    /// # Errors
    /// It has been pending for too long.
    pub fn check<T>(&mut self, cx: &mut Context<'_>, polled: Poll<T>) -> Poll<Result<T, DeadlineExceeded>> {
        if let Poll::Ready(value) = polled {
            self.step();
            return Poll::Ready(Ok(value));
        }
        let until = Instant::now() + self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if !self.running {
            timer.as_mut().reset(until);
            self.running = true;
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(DeadlineExceeded(self.limit)))
    }
}

/// What lives as long as a connection that may be given up.
pub trait Companion {
    /// The other end took nothing for too long; told once.
    fn given_up(&mut self) {}
}

/// A connection whose other end must go on reading: it fails with [`io::ErrorKind::TimedOut`], of which [`DeadlineExceeded`] is the source,
/// when nothing can be written for too long.
#[derive(Debug)]
pub struct Stalled<T, C> {
    io: T,
    idle: Idle,
    companion: C,
    is_given_up: bool,
}

impl<T, C: Companion> Stalled<T, C> {
    /// The other end may take nothing for as long as `limit`.
    pub fn new(io: T, limit: Duration, companion: C) -> Self {
        Self { io, idle: Idle::new(limit), companion, is_given_up: false }
    }

    fn check<V>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<V>>) -> Poll<io::Result<V>> {
        let checked = ready!(self.idle.check(cx, polled));
        Poll::Ready(checked.map_err(|late| self.give_up(late))?)
    }

    fn give_up(&mut self, late: DeadlineExceeded) -> io::Error {
        if !self.is_given_up {
            self.is_given_up = true;
            self.companion.given_up();
        }
        io::Error::new(io::ErrorKind::TimedOut, late)
    }
}

impl<T: AsyncRead + Unpin, C: Unpin> AsyncRead for Stalled<T, C> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin, C: Companion + Unpin> AsyncWrite for Stalled<T, C> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, data);
        self.check(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, data);
        self.check(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(cx);
        self.check(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_shutdown(cx);
        self.check(cx, polled)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    /// Nobody waits for it in vain.
    const LONG: Duration = Duration::from_secs(60);

    #[derive(Default)]
    struct Count(Arc<AtomicU32>);

    impl Companion for Count {
        fn given_up(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A connection that holds eight bytes, its other end, and how often it was given up.
    fn connection(limit: Duration) -> (Stalled<DuplexStream, Count>, DuplexStream, Arc<AtomicU32>) {
        let ((ours, theirs), count) = (duplex(8), Count::default());
        let given_up = Arc::clone(&count.0);
        (Stalled::new(ours, limit, count), theirs, given_up)
    }

    #[tokio::test]
    async fn who_takes_nothing_is_given_up_once() {
        let limit = Duration::from_millis(20);
        let (mut connection, _theirs, given_up) = connection(limit);
        for _again in 0..2 {
            let began = Instant::now();
            let failed = connection.write_all(b"more than there is room for").await.unwrap_err();
            assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
            assert_eq!(failed.get_ref().unwrap().downcast_ref(), Some(&DeadlineExceeded(limit)));
            assert!(began.elapsed() < LONG);
        }
        assert_eq!(given_up.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn who_takes_all_gets_all() {
        let (mut connection, mut theirs, given_up) = connection(LONG);
        let text = b"much more than there is room for at one time";
        let sent = async {
            connection.write_all(text).await.unwrap();
            connection.shutdown().await.unwrap();
        };
        let mut heard = Vec::new();
        let (_sent, taken) = tokio::join!(sent, theirs.read_to_end(&mut heard));
        assert_eq!((taken.unwrap(), heard.as_slice()), (text.len(), text.as_slice()));
        assert_eq!(given_up.load(Ordering::Relaxed), 0);
    }

    /// An idle connection is no stalled one.
    #[tokio::test]
    async fn who_says_nothing_is_waited_for() {
        let (mut connection, mut theirs, given_up) = connection(Duration::ZERO);
        let mut heard = [0; 5];
        let said = async {
            // Longer than he may take nothing.
            let _over = crate::deadline(Duration::from_millis(20), pending::<()>()).await;
            theirs.write_all(b"hello").await.unwrap();
        };
        let (read, _said) = tokio::join!(connection.read_exact(&mut heard), said);
        assert_eq!((read.unwrap(), &heard), (5, b"hello"));
        assert_eq!(given_up.load(Ordering::Relaxed), 0);
    }

    /// All of the time is there again after each step forward.
    #[tokio::test]
    async fn a_step_forward_starts_the_time_anew() {
        let (mut idle, limit) = (Idle::new(Duration::from_millis(20)), Duration::from_millis(20));
        let began = Instant::now();
        let wait = async |idle: &mut Idle| poll_fn(|cx| idle.check(cx, Poll::<()>::Pending)).await;
        assert_eq!(wait(&mut idle).await, Err(DeadlineExceeded(limit)));
        assert_eq!(wait(&mut idle).await, Err(DeadlineExceeded(limit)), "it is late for good");
        idle.step();
        assert_eq!(wait(&mut idle).await, Err(DeadlineExceeded(limit)));
        assert!(began.elapsed() >= limit * 2, "{:?}", began.elapsed());
    }
}
