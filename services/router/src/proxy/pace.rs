//! How fast a request's body has to come.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use deis_bootstrap::DeadlineExceeded;
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes a second on average. The slowest of mobile networks has several times as much; Apache asks for as much (mod_reqtimeout).
const RATE: u32 = 500;

/// Limits how long a client lets others wait for its request's body: for `patience` at once, and in all for `patience` and a second more for
/// each 500 bytes. Only time counts in which nothing was there to be read: how fast a pod reads is not the client's doing.
#[derive(Debug)]
pub(super) struct Pace {
    patience: Duration,
    bytes: u64,
    /// For how long it was waited in all, up to the last bytes.
    waited: Duration,
    /// Since when it is waited.
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, bytes: 0, waited: Duration::ZERO, since: None, timer: None }
    }

    /// So many bytes have come.
    pub(super) fn came(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// Passes on what was polled; an error instead when it has been waited for too long. Once the request `is_answered` the two sides are in
    /// conversation, and any average will do.
    pub(super) fn check<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<T>,
        is_answered: bool,
    ) -> Poll<Result<T, DeadlineExceeded>> {
        if let Poll::Ready(value) = polled {
            if let Some(since) = self.since.take() {
                self.waited += since.elapsed();
            }
            return Poll::Ready(Ok(value));
        }
        let left = if is_answered { self.patience } else { self.left() };
        let until = *self.since.get_or_insert_with(Instant::now) + left;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(DeadlineExceeded(left)))
    }

    /// How long the next bytes may take.
    fn left(&self) -> Duration {
        let earned = Duration::from_millis(self.bytes.saturating_mul(1000) / u64::from(RATE));
        self.patience.saturating_add(earned).saturating_sub(self.waited).min(self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// For how many seconds bytes may come like this, up to an hour.
    fn lasts(bytes: usize, every: u64) -> Option<u64> {
        let (mut pace, every) = (Pace::new(PATIENCE), Duration::from_secs(every));
        while pace.left() >= every {
            pace.waited += every;
            pace.came(bytes);
            if pace.waited > Duration::from_secs(3600) {
                return None;
            }
        }
        Some(pace.waited.as_secs())
    }

    #[test]
    fn bytes_have_to_come_and_enough_of_them() {
        assert_eq!(lasts(1, 3), Some(60), "a byte now and then");
        assert_eq!(lasts(400, 1), Some(296), "a little too slow");
        assert_eq!(lasts(1_000_000, 61), Some(0), "never for longer than this");
        for (bytes, every) in [(500, 1), (30_000, 59), (100_000, 60)] {
            assert_eq!(lasts(bytes, every), None, "{bytes} bytes each {every} s");
        }
    }

    #[test]
    fn what_came_fast_is_time_for_the_rest() {
        let mut pace = Pace::new(PATIENCE);
        pace.came(500 * 100);
        pace.waited = Duration::from_secs(130);
        assert_eq!(pace.left(), Duration::from_secs(30));
        pace.came(usize::MAX);
        assert_eq!(pace.left(), PATIENCE);
    }
}
