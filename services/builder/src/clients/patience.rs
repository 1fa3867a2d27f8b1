use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use tonic::{Code, Status};

/// Repeats a call for about five seconds while the peer cannot be reached: one that has just been replaced answers again by then, and
/// whoever pushes need not know. Only for calls that change nothing, or nothing more when they are repeated.
pub(super) async fn patiently<T, F>(call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(1))
        .with_max_times(8)
        .with_jitter();
    call.retry(pauses).when(|status| status.code() == Code::Unavailable).await
}
