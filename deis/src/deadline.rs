//! The end of a wait.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// What comes in time; `None` when it does not.
pub async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = future => Some(done),
        () = sleep_until(Instant::now() + limit) => None,
    }
}
