//! What is counted.

use std::time::Duration;

use deis_api::Code;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::Error;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    /// "deployed", or the code of why not.
    outcome: &'static str,
}

/// The builder's own metrics.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pushes: Family<Outcome, Counter>,
    seconds: Histogram,
}

impl Metrics {
    pub(crate) fn register(registry: &deis_bootstrap::Metrics) -> Self {
        let buckets = [1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0];
        let metrics = Self { pushes: Family::default(), seconds: Histogram::new(buckets) };
        registry.register("pushes", "Pushes that reached a build, by outcome", metrics.pushes.clone());
        registry.register(
            "push_seconds",
            "Time from the end of the transfer to the end of the deploy",
            metrics.seconds.clone(),
        );
        metrics
    }

    pub(crate) fn observe<T>(&self, outcome: &Result<T, Error>, took: Duration) {
        let outcome = outcome.as_ref().err().map_or("deployed", |error| Code::as_str(error.code()));
        self.pushes.get_or_create(&Outcome { outcome }).inc();
        self.seconds.observe(took.as_secs_f64());
    }
}
