use std::time::Duration;

/// The time that something was given has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no result within {0:?}")]
pub struct DeadlineExceeded(pub Duration);

/// Gives a future a limited time; it is dropped when the time has passed.
///
/// # Errors
/// The future was not done in time.
pub async fn deadline<F: Future>(limit: Duration, future: F) -> Result<F::Output, DeadlineExceeded> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that the ban points to")]
    tokio::time::timeout(limit, future).await.map_err(|_elapsed| DeadlineExceeded(limit))
}
