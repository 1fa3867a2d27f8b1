//! The end of a wait.

use std::future::{Future, pending};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// What comes in time; `None` when it does not.
pub async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = future => Some(done),
        () = after(Some(limit)) => None,
    }
}

/// Ends when the time is over; never without a limit, or with one that no clock reaches.
pub async fn after(limit: Option<Duration>) {
    match limit.and_then(|limit| Instant::now().checked_add(limit)) {
        Some(end) => sleep_until(end).await,
        None => pending().await,
    }
}
