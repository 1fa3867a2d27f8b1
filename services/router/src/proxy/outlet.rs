//! Whether the client of an HTTP/2 stream takes what there is of its answer. Its connection may be as lively as can be while this one
//! stream is kept shut (a window of 0): what holds a place at a pod for ever then is seen nowhere else.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use deis_bootstrap::{DeadlineExceeded, Idle};
use http_body::{Body, Frame, SizeHint};

use super::body::{Answer, BodyError};

/// A client has taken something when it has taken so many bytes: as many as a frame has. What a pod says at once may be much more, and
/// nobody who is slow is to be given up in the midst of it.
const PIECE: usize = 16 * 1024;

tokio::task_local! {
    /// The outlet of the stream that this task runs.
    static OUTLET: Arc<Outlet>;
}

/// What the body of an answer and the task that writes it know of each other.
#[derive(Debug, Default)]
struct Outlet {
    /// Odd while a piece waits to be taken. It grows with each piece that is handed over, and when the next one is asked for.
    steps: AtomicU64,
    is_given_up: AtomicBool,
}

impl Outlet {
    fn hand_over(&self) {
        self.steps.fetch_or(1, Ordering::Relaxed);
    }

    fn ask(&self) {
        let steps = self.steps.load(Ordering::Relaxed);
        self.steps.store(steps + steps % 2, Ordering::Relaxed);
    }
}

/// Runs a stream of HTTP/2, until a piece of its [`Taken`] answer has waited for the client for `limit`. The stream is reset then, since
/// it is dropped.
///
/// # Errors
/// Nothing was taken for so long.
pub(crate) async fn while_taken<F: Future>(limit: Duration, stream: F) -> Result<F::Output, DeadlineExceeded> {
    let outlet = Arc::<Outlet>::default();
    let mut stream = pin!(OUTLET.scope(Arc::clone(&outlet), stream));
    let (mut idle, mut before) = (Idle::new(limit), 0);
    let run = poll_fn(|cx| {
        if let Poll::Ready(ended) = stream.as_mut().poll(cx) {
            return Poll::Ready(Ok(ended));
        }
        let steps = outlet.steps.load(Ordering::Relaxed);
        if steps != before {
            idle.step();
            before = steps;
        }
        if steps % 2 == 0 {
            return Poll::Pending;
        }
        idle.check(cx, Poll::Pending)
    });
    let ended = run.await;
    outlet.is_given_up.store(ended.is_err(), Ordering::Relaxed);
    ended
}

/// An answer in pieces, of which the next one is asked for when the client has taken the last one.
#[derive(Debug)]
pub(crate) struct Taken {
    answer: Answer,
    /// What is left of what the answer said last.
    rest: Bytes,
    outlet: Option<Arc<Outlet>>,
}

impl Taken {
    /// The answer of the stream that this task runs.
    pub(crate) fn new(answer: Answer) -> Self {
        Self { answer, rest: Bytes::new(), outlet: OUTLET.try_with(Arc::clone).ok() }
    }

    fn next_piece(&mut self) -> Option<Frame<Bytes>> {
        let piece = self.rest.split_to(PIECE.min(self.rest.len()));
        (!piece.is_empty()).then(|| Frame::data(piece))
    }
}

impl Body for Taken {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        this.outlet.iter().for_each(|outlet| outlet.ask());
        let mut piece = this.next_piece();
        if piece.is_none() {
            let Some(frame) = ready!(Pin::new(&mut this.answer).poll_frame(cx)?) else { return Poll::Ready(None) };
            piece = Some(match frame.into_data() {
                Ok(data) => {
                    this.rest = data;
                    this.next_piece().unwrap_or_else(|| Frame::data(Bytes::new()))
                }
                Err(trailers) => trailers,
            });
        }
        this.outlet.iter().for_each(|outlet| outlet.hand_over());
        Poll::Ready(piece.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // It is asked before the first piece.
        self.answer.size_hint()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.outlet.as_ref().is_some_and(|outlet| outlet.is_given_up.load(Ordering::Relaxed)) {
            let app = self.answer.app();
            tracing::info!(app, reason = "client-stalled", "an answer was given up: its client took nothing of it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn piece(taken: &mut Taken) -> Option<usize> {
        let frame = poll_fn(|cx| Pin::new(&mut *taken).poll_frame(cx)).await?;
        Some(frame.unwrap().into_data().unwrap().len())
    }

    #[tokio::test]
    async fn a_step_is_a_piece_and_no_step_is_the_end() {
        const LIMIT: Duration = Duration::from_millis(20);
        let takes = |count: usize| async move {
            let mut taken = Taken::new(Answer::Whole(Some(vec![b'x'; 2 * PIECE + 1].into())));
            for _ in 0..count {
                assert!(piece(&mut taken).await.is_some());
                // Whatever the machine does meanwhile, a step is seen before the time is up after it.
                deis_bootstrap::deadline(LIMIT / 2, std::future::pending::<()>()).await.unwrap_err();
            }
            std::future::pending::<()>().await;
        };
        while_taken(LIMIT, takes(3)).await.unwrap_err();
        let all = async {
            let mut taken = Taken::new(Answer::Whole(Some(vec![b'x'; 2 * PIECE + 1].into())));
            let sizes = [piece(&mut taken).await, piece(&mut taken).await];
            assert!(!taken.is_end_stream());
            (sizes, piece(&mut taken).await, taken.is_end_stream(), piece(&mut taken).await)
        };
        assert_eq!(while_taken(LIMIT, all).await.unwrap(), ([Some(PIECE); 2], Some(1), true, None));
    }

    /// Nothing waits for the client of an answer that has nothing to say for the moment.
    #[tokio::test]
    async fn silence_is_no_matter_of_the_client() {
        let silent = async {
            let mut taken = Taken::new(Answer::Whole(Some("event".into())));
            assert_eq!(piece(&mut taken).await, Some(5));
            assert_eq!(piece(&mut taken).await, None);
            deis_bootstrap::deadline(Duration::from_millis(20), std::future::pending::<()>()).await.unwrap_err();
        };
        while_taken(Duration::ZERO, silent).await.unwrap();
    }
}
