//! What the door has done since it opened.

use deis_bootstrap::Metrics;
use prometheus_client::metrics::counter::Counter;

/// The counts. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Requests, refused ones too.
    pub requests: Counter,
    /// Requests that were not served.
    pub refused: Counter,
    /// Bytes of bodies that went through.
    pub bytes_sent: Counter,
}

impl Counts {
    /// Counts that are shown among the process's metrics.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let counts = Self::default();
        metrics.register("requests", "Requests at the door", counts.requests.clone());
        metrics.register("refused", "Requests that were not served", counts.refused.clone());
        metrics.register("sent_bytes", "Bytes of manifests and blobs sent", counts.bytes_sent.clone());
        counts
    }
}
