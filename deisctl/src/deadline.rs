//! How long the operator waits for what Kubernetes does.

use std::time::Duration;

use deis_cli::Failure;
pub(crate) use deis_cli::deadline::{duration, end_of, until, within};

/// `--timeout`, to be flattened into the arguments of every command that waits for a change.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct TimeoutArgs {
    /// Wait no longer than this, in seconds or with a unit: 90s, 5m; the change goes on, and the exit code is 124.
    #[arg(long, value_name = "duration", value_parser = duration, default_value = "10m")]
    pub(crate) timeout: Duration,
}

/// Does what must come to an end: `what` names it in the failure that says it did not.
pub(crate) async fn in_time<T, E: Into<Failure>>(
    limit: Duration,
    what: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    let late = || Failure::timed_out(format!("{what} takes longer than {} s", limit.as_secs()));
    within(limit, work).await.ok_or_else(late)?.map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_end_is_named() {
        let never = std::future::pending::<Result<(), Failure>>();
        let failure = in_time(Duration::from_millis(1), "swapping the ledger", never).await.unwrap_err();
        assert_eq!(failure.kind(), deis_cli::Kind::TimedOut);
        assert_eq!(failure.summary(), "swapping the ledger takes longer than 0 s");
        let done = in_time(Duration::from_secs(60), "", async { Ok::<_, Failure>(1) });
        assert_eq!(done.await.unwrap(), 1);
    }
}
