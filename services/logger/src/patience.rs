//! How to try again.

use std::time::Duration;

use backon::ExponentialBuilder;

/// Pauses between attempts to reach Redis or the logger, of which there is no end: whoever waits says how long.
pub(crate) fn patience() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .without_max_times()
}
