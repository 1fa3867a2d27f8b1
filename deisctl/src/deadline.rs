//! How long the operator waits for what Kubernetes does.

use std::future::{Future, pending};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::{Instant, sleep_until};

/// `--timeout`, to be flattened into the arguments of every command that waits for a change.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct TimeoutArgs {
    /// Wait no longer than this, in seconds or with a unit: 90s, 5m; the change goes on, and the exit code is 124.
    #[arg(long, value_name = "duration", value_parser = duration, default_value = "10m")]
    pub(crate) timeout: Duration,
}

pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let with_unit = || Duration::try_from(text.parse::<SignedDuration>().ok()?).ok();
    let duration = seconds.or_else(with_unit).filter(|duration| !duration.is_zero());
    duration.ok_or("it must be more than nothing, in seconds or with a unit, ex: 90, 90s, 5m")
}

/// When a wait that begins now ends; `None` when no clock reaches it.
pub(crate) fn end_of(limit: Duration) -> Option<Instant> {
    Instant::now().checked_add(limit)
}

/// Ends at that time, or never.
pub(crate) async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => pending().await,
    }
}

/// What comes in time; `None` when it does not.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
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
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert!(duration("0").is_err() && duration("-5s").is_err() && duration("soon").is_err());
    }
}
