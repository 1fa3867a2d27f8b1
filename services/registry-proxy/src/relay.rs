//! A body on its way from the registry to a client: one frame at a time, none kept.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use prometheus_client::metrics::counter::Counter;
use tokio::time::{Instant, Sleep};

/// A registry that says nothing for so long in the middle of a body has stopped.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// A body that is counted, and given up when the registry falls silent. A client that does not read is not the registry's silence:
/// nothing is asked of the registry meanwhile.
#[derive(Debug)]
pub struct Relay {
    body: Incoming,
    sent: Counter,
    silence: Pin<Box<Sleep>>,
    is_waiting: bool,
}

/// A body ends before its end; the client sees that from its length.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The registry broke off.
    #[error("the registry broke off in the middle of a body")]
    Broken(#[source] hyper::Error),
    /// The registry fell silent.
    #[error("the registry fell silent in the middle of a body")]
    Silent,
}

impl Relay {
    /// Passes on a body, counting its bytes.
    #[must_use]
    pub fn new(body: Incoming, sent: Counter) -> Self {
        let silence = Box::pin(tokio::time::sleep_until(Instant::now() + SILENCE_LIMIT));
        Self { body, sent, silence, is_waiting: false }
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let Poll::Ready(frame) = polled else {
            if !self.is_waiting {
                self.is_waiting = true;
                self.silence.as_mut().reset(Instant::now() + SILENCE_LIMIT);
            }
            return self.silence.as_mut().poll(cx).map(|()| Some(Err(RelayError::Silent)));
        };
        self.is_waiting = false;
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            self.sent.inc_by(data.len() as u64);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(RelayError::Broken)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
