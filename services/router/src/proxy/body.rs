use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use deis_bootstrap::{DeadlineExceeded, Idle, deadline};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::connection::Connection;
use super::pace::Pace;
use crate::backend::Lease;
use crate::demand::Guest;

/// A body broke off.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection it came over failed.
    #[error("the body broke off")]
    Connection(#[from] hyper::Error),
    /// Nothing came for too long, or too little in all.
    #[error("the body did not come in time")]
    Late(#[from] DeadlineExceeded),
    /// It is longer than the app takes, which its head did not say.
    #[error("the body is larger than allowed")]
    TooLarge,
}

/// What was wrong with a request's body, if that is why it failed.
pub(super) fn cause(error: &hyper::Error) -> Option<&BodyError> {
    std::error::Error::source(error)?.downcast_ref()
}

/// A request's body on its way to a pod.
#[derive(Debug)]
pub struct Upload(Option<Streaming>);

#[derive(Debug)]
struct Streaming {
    inner: Incoming,
    pace: Pace,
    /// Bytes that may still come.
    left: u64,
    progress: Progress,
}

/// How far an upload is: until it has been read to its end its connection is not free, even when the answer is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<Steps>);

#[derive(Debug, Default)]
struct Steps {
    frames: AtomicU64,
    finished: AtomicBool,
    answered: AtomicBool,
}

impl Progress {
    fn is_finished(&self) -> bool {
        self.0.finished.load(Ordering::Acquire)
    }

    /// The answer has begun.
    pub(super) fn note_answer(&self) {
        self.0.answered.store(true, Ordering::Relaxed);
    }

    fn is_answered(&self) -> bool {
        self.0.answered.load(Ordering::Relaxed)
    }

    fn frames(&self) -> u64 {
        self.0.frames.load(Ordering::Relaxed)
    }
}

/// Gives a pod time to answer, counted from the last step of the upload: who is sent much needs long.
pub(super) async fn while_moving<F: Future>(
    limit: Duration,
    upload: Option<&Progress>,
    answer: F,
) -> Result<F::Output, DeadlineExceeded> {
    let mut answer = pin!(answer);
    loop {
        let before = upload.map(Progress::frames);
        match deadline(limit, answer.as_mut()).await {
            Err(_late) if before != upload.map(Progress::frames) => {}
            answered => return answered,
        }
    }
}

impl Upload {
    /// A request without a body.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// A request's body, which the client may be silent within for as long as `patience`; nothing when its length is known to be beyond the limit.
    pub(super) fn new(inner: Incoming, limit: Option<u64>, patience: Duration) -> Option<Self> {
        let left = limit.unwrap_or(u64::MAX);
        if inner.size_hint().lower() > left {
            return None;
        }
        if inner.is_end_stream() {
            return Some(Self::none());
        }
        Some(Self(Some(Streaming { inner, pace: Pace::new(patience), left, progress: Progress::default() })))
    }

    pub(super) fn progress(&self) -> Option<Progress> {
        self.0.as_ref().map(|streaming| streaming.progress.clone())
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(Streaming { inner, pace, left, progress }) = &mut self.0 else { return Poll::Ready(None) };
        let polled = Pin::new(&mut *inner).poll_frame(cx);
        let frame = ready!(pace.check(cx, polled, progress.is_answered()))?.transpose()?;
        if let Some(data) = frame.as_ref().and_then(Frame::data_ref) {
            let rest = left.checked_sub(data.len() as u64);
            *left = rest.ok_or(BodyError::TooLarge)?;
            pace.came(data.len());
        }
        progress.0.frames.fetch_add(1, Ordering::Relaxed);
        if frame.is_none() || inner.is_end_stream() {
            progress.0.finished.store(true, Ordering::Release);
        }
        Poll::Ready(frame.map(Ok))
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

    /// The app that says it; none for a page of our own.
    pub(super) fn app(&self) -> Option<&str> {
        match self {
            Self::Whole(_) => None,
            Self::Relayed(relayed) => Some(&relayed.app),
        }
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
    pub(super) app: Arc<str>,
    pub(super) inner: Incoming,
    pub(super) idle: Idle,
    pub(super) connection: Option<Connection>,
    pub(super) upload: Option<Progress>,
    pub(super) lease: Lease,
    #[expect(dead_code, reason = "it counts")]
    pub(super) guest: Guest,
    pub(super) ended: bool,
}

impl Drop for Relayed {
    fn drop(&mut self) {
        let complete = self.ended || self.inner.is_end_stream();
        if complete
            && self.upload.as_ref().is_none_or(Progress::is_finished)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the machine does meanwhile, a step is seen before the time is up after it.
    #[tokio::test]
    async fn time_begins_anew_with_each_step_of_an_upload() {
        const LIMIT: Duration = Duration::from_millis(20);
        let progress = Progress::default();
        let steps = async {
            for _ in 0..6 {
                progress.0.frames.fetch_add(1, Ordering::Relaxed);
                deadline(LIMIT / 2, std::future::pending::<()>()).await.unwrap_err();
            }
        };
        while_moving(LIMIT, Some(&progress), steps).await.unwrap();
        while_moving(LIMIT, Some(&progress), std::future::pending::<()>()).await.unwrap_err();
        while_moving(LIMIT, None, std::future::pending::<()>()).await.unwrap_err();
    }
}
