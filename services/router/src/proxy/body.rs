use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use deis_bootstrap::DeadlineExceeded;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::connection::Connection;
use super::idle::Idle;
use crate::backend::Lease;

/// How long the rest of a request's body may keep a pod waiting.
const UPLOAD_LIMIT: Duration = Duration::from_secs(60);

/// A body broke off.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection it came over failed.
    #[error("the body broke off")]
    Connection(#[from] hyper::Error),
    /// Nothing came for too long.
    #[error("the body came to a halt")]
    Halted(#[from] DeadlineExceeded),
}

/// A request's body on its way to a pod.
#[derive(Debug)]
pub struct Upload(Option<Streaming>);

#[derive(Debug)]
struct Streaming {
    inner: Incoming,
    idle: Idle,
    finished: Finished,
}

/// Whether an upload has been read to its end: until then its connection is not free, even when the answer is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Finished(Arc<AtomicBool>);

impl Finished {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Upload {
    /// A request without a body.
    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn new(inner: Incoming) -> (Self, Option<Finished>) {
        if inner.is_end_stream() {
            return (Self::none(), None);
        }
        let finished = Finished::default();
        (Self(Some(Streaming { inner, idle: Idle::new(UPLOAD_LIMIT), finished: finished.clone() })), Some(finished))
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(Streaming { inner, idle, finished }) = &mut self.0 else { return Poll::Ready(None) };
        let polled = Pin::new(&mut *inner).poll_frame(cx);
        let frame = ready!(idle.check(cx, polled))?;
        if frame.is_none() || inner.is_end_stream() {
            finished.0.store(true, Ordering::Release);
        }
        Poll::Ready(frame.map(|frame| Ok(frame?)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|streaming| streaming.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or(SizeHint::with_exact(0), |streaming| streaming.inner.size_hint())
    }
}

/// The body of an answer: a page of our own, or what a pod says.
#[derive(Debug)]
pub enum Answer {
    /// All of it, until it is taken.
    Whole(Option<Bytes>),
    /// A pod's, as it comes.
    Relayed(Relayed),
}

impl Answer {
    pub(super) fn whole(text: String) -> Self {
        Self::Whole((!text.is_empty()).then(|| text.into()))
    }

    #[cfg(test)]
    pub(super) fn text(&self) -> String {
        match self {
            Self::Whole(Some(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
            _ => String::new(),
        }
    }
}

/// A pod's answer on its way to the client. Read to its end it gives the connection back; dropped before, it closes it.
#[derive(Debug)]
pub struct Relayed {
    pub(super) inner: Incoming,
    pub(super) idle: Idle,
    pub(super) connection: Option<Connection>,
    pub(super) upload: Option<Finished>,
    pub(super) lease: Lease,
    pub(super) ended: bool,
}

impl Drop for Relayed {
    fn drop(&mut self) {
        let complete = self.ended || self.inner.is_end_stream();
        if complete
            && self.upload.as_ref().is_none_or(Finished::is_set)
            && let Some(connection) = self.connection.take()
        {
            self.lease.backend().put_idle(connection);
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Relayed(Relayed { inner, idle, ended, .. }) => {
                let polled = Pin::new(inner).poll_frame(cx);
                let frame = ready!(idle.check(cx, polled))?;
                *ended = frame.is_none();
                Poll::Ready(frame.map(|frame| Ok(frame?)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Relayed(relayed) => relayed.inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Relayed(relayed) => relayed.inner.size_hint(),
        }
    }
}
