use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use deis_bootstrap::DeadlineExceeded;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Limits how long something may stay pending without a step forward. It costs nothing until something is pending.
#[derive(Debug)]
pub(super) struct Idle {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl Idle {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, timer: None, running: false }
    }

    /// Passes on what was polled; an error instead when it has been pending for too long.
    pub(super) fn check<T>(&mut self, cx: &mut Context<'_>, polled: Poll<T>) -> Poll<Result<T, DeadlineExceeded>> {
        if let Poll::Ready(value) = polled {
            self.running = false;
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

/// A connection whose other end must go on reading: it fails when nothing can be written for too long.
#[derive(Debug)]
pub(crate) struct Stalled<T> {
    io: T,
    idle: Idle,
}

impl<T> Stalled<T> {
    pub(crate) fn new(io: T, limit: Duration) -> Self {
        Self { io, idle: Idle::new(limit) }
    }

    fn check<V>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<V>>) -> Poll<io::Result<V>> {
        self.idle
            .check(cx, polled)
            .map(|result| result.map_err(|late| io::Error::new(io::ErrorKind::TimedOut, late))?)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Stalled<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Stalled<T> {
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
