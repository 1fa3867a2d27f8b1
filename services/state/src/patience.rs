//! How to try again.

use std::time::Duration;

use backon::ExponentialBuilder;

/// Pauses between attempts to reach the store, of which there is no end: whoever waits says how long.
pub(crate) fn patience() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .without_max_times()
}
