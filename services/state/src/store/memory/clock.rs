use std::future::pending;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Time since a store was made.
#[derive(Debug)]
pub(super) enum Clock {
    /// It passes by itself.
    Real(Instant),
    /// It passes when it is told to.
    Manual(Mutex<Duration>),
}

impl Default for Clock {
    fn default() -> Self {
        Self::Real(Instant::now())
    }
}

impl Clock {
    pub(super) fn manual() -> Self {
        Self::Manual(Mutex::default())
    }

    pub(super) fn now(&self) -> Duration {
        match self {
            Self::Real(start) => start.elapsed(),
            Self::Manual(now) => *now.lock(),
        }
    }

    pub(super) fn advance(&self, time: Duration) {
        if let Self::Manual(now) = self {
            *now.lock() += time;
        }
    }

    /// Waits for a point in time; for ever, if there is none or it has to be told.
    pub(super) async fn until(&self, time: Option<Duration>) {
        match (self, time) {
            (Self::Real(start), Some(time)) => tokio::time::sleep_until(*start + time).await,
            _ => pending().await,
        }
    }
}
