//! What Prometheus sees of the server.

use deis_bootstrap::Metrics;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

use crate::store::append::Taken;

/// The counts of the server.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    lines: Counter,
    bytes: Counter,
    duplicates: Counter,
    orphans: Counter,
    dropped: Counter,
    events: Counter,
    lag: Histogram,
    pub(crate) followers: Gauge,
}

impl Counts {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let followers = Gauge::default();
        metrics.register("followers", "Callers that follow an app now", followers.clone());
        // From a millisecond to half an hour.
        let lag = Histogram::new(exponential_buckets(0.001, 2.0, 21));
        metrics.register("lag_seconds", "From the writing of the newest line of a batch to its storing", lag.clone());
        Self {
            lines: metrics.counter("lines", "Lines stored"),
            bytes: metrics.counter("bytes", "Bytes of the texts of stored lines"),
            duplicates: metrics.counter("duplicates", "Lines that were stored already"),
            orphans: metrics.counter("orphans", "Lines of apps that were deleted after they were written"),
            dropped: metrics.counter("dropped", "Lines that agents have reported as lost"),
            events: metrics.counter("events", "Events stored"),
            lag,
            followers,
        }
    }

    /// Counts the lines of a call, the newest of which is so old.
    pub(crate) fn took(&self, taken: Taken, lag_seconds: f64) {
        self.lines.inc_by(taken.lines);
        self.bytes.inc_by(taken.bytes);
        self.duplicates.inc_by(taken.duplicates);
        self.orphans.inc_by(taken.orphans);
        self.dropped.inc_by(taken.lost);
        if taken.lines > 0 {
            self.lag.observe(lag_seconds);
        }
    }

    pub(crate) fn took_event(&self) {
        self.events.inc();
    }
}

/// One who follows, for as long as it is there.
#[derive(Debug)]
pub(crate) struct Presence {
    followers: Gauge,
    _room: tokio::sync::OwnedSemaphorePermit,
}

impl Presence {
    pub(crate) fn new(counts: &Counts, room: tokio::sync::OwnedSemaphorePermit) -> Self {
        counts.followers.inc();
        Self { followers: counts.followers.clone(), _room: room }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.followers.dec();
    }
}
