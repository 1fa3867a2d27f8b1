//! How long a person waits: `--timeout`, and the end of a wait.

use std::future::{Future, pending};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::{Instant, sleep_until};

/// A time to wait, as people write it: the parser of `--timeout`.
///
/// # Errors
/// It is no time, or none at all; the text says what one is.
pub fn duration(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let with_unit = || Duration::try_from(text.parse::<SignedDuration>().ok()?).ok();
    let duration = seconds.or_else(with_unit).filter(|duration| !duration.is_zero());
    duration.ok_or("it must be more than nothing, in seconds or with a unit, ex: 90, 90s, 5m")
}

/// When a wait that begins now ends; `None` when no clock reaches it.
#[must_use]
pub fn end_of(limit: Duration) -> Option<Instant> {
    Instant::now().checked_add(limit)
}

/// Ends at that time, or never.
pub async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => pending().await,
    }
}

/// What comes in time; `None` when it does not.
pub async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = future => Some(done),
        () = until(end_of(limit)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_seconds_or_has_a_unit() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("90s"), duration("1m30s"));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        for text in ["", "0", "0s", "-5", "-5m", "soon", "5 parsecs", "99999999999999999999"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn what_does_not_come_in_time_is_given_up() {
        assert_eq!(within(Duration::MAX, async { 1 }).await, Some(1));
        assert_eq!(within(Duration::from_millis(1), pending::<()>()).await, None);
    }
}
