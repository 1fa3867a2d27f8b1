//! What has been answered so far.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// Answers by the class of their status. They are counted over all apps: whoever may read the metrics is not to learn which apps
/// there are and how they do.
#[derive(Debug, Default)]
pub struct Traffic {
    routed: Classes,
    unrouted: Classes,
    /// Pods that were passed over for taking no connections, each time.
    pub ejections: Counter,
    /// Requests that a second pod was tried for.
    pub retries: Counter,
    /// Requests that a second pod would have been tried for, had there not been too many.
    pub retries_refused: Counter,
    /// Requests that wait for a place.
    pub waiting: Gauge,
    /// Requests that found no place.
    pub busy: Counter,
    /// Requests whose bodies came too slowly.
    pub slow_uploads: Counter,
    /// Answers and connections that were given up since their clients took nothing of them.
    pub stalled: Counter,
}

/// 1xx to 5xx.
type Classes = [AtomicU64; 5];

impl Traffic {
    /// The names of the classes, as labels of metrics.
    const CLASSES: [&'static str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

    /// Counts one answer to a request that found a route, or none.
    pub fn count(&self, routed: bool, status: http::StatusCode) {
        let classes = if routed { &self.routed } else { &self.unrouted };
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = classes.get(class) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether there was a route, the class, and how many answers.
    pub fn counts(&self) -> impl Iterator<Item = (bool, &'static str, u64)> {
        [(true, &self.routed), (false, &self.unrouted)].into_iter().flat_map(|(routed, classes)| {
            let counts = classes.iter().map(|counter| counter.load(Ordering::Relaxed));
            Self::CLASSES.into_iter().zip(counts).map(move |(class, count)| (routed, class, count))
        })
    }

    /// All answers.
    pub fn total(&self) -> u64 {
        self.counts().map(|(_, _, count)| count).sum()
    }
}
