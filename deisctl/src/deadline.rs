//! How long the operator waits for what Kubernetes does.

use std::time::Duration;

pub(crate) use deis_cli::deadline::{duration, end_of, until, within};

/// `--timeout`, to be flattened into the arguments of every command that waits for a change.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct TimeoutArgs {
    /// Wait no longer than this, in seconds or with a unit: 90s, 5m; the change goes on, and the exit code is 124.
    #[arg(long, value_name = "duration", value_parser = duration, default_value = "10m")]
    pub(crate) timeout: Duration,
}
