use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use deis_bootstrap::DeadlineExceeded;
use prometheus_client::metrics::counter::Counter;
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

    /// There was a step forward.
    pub(super) fn step(&mut self) {
        self.running = false;
    }

    /// Passes on what was polled; an error instead when it has been pending for too long.
    pub(super) fn check<T>(&mut self, cx: &mut Context<'_>, polled: Poll<T>) -> Poll<Result<T, DeadlineExceeded>> {
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

/// A client's connection, whose other end must go on reading: it fails when nothing can be written for too long.
#[derive(Debug)]
pub(crate) struct Stalled<T> {
    io: T,
    idle: Idle,
    address: SocketAddr,
    /// Counts it once, when it fails.
    count: Option<Counter>,
}

impl<T> Stalled<T> {
    pub(crate) fn new(io: T, limit: Duration, address: SocketAddr, count: Counter) -> Self {
        Self { io, idle: Idle::new(limit), address, count: Some(count) }
    }

    fn check<V>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<V>>) -> Poll<io::Result<V>> {
        let checked = ready!(self.idle.check(cx, polled));
        Poll::Ready(checked.map_err(|late| self.fail(late))?)
    }

    fn fail(&mut self, late: DeadlineExceeded) -> io::Error {
        if let Some(count) = self.count.take() {
            count.inc();
            tracing::info!(address = %self.address, reason = "client-stalled", "a connection was given up: its client took nothing of what is sent");
        }
        io::Error::new(io::ErrorKind::TimedOut, late)
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
