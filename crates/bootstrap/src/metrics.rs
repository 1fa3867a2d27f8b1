use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::{Metric, Registry};

/// The metrics of one service, named `deis_{service}_{metric}`.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
}

impl Metrics {
    pub(crate) fn new(service: &str) -> Self {
        let prefix = format!("deis_{}", service.replace('-', "_"));
        Self { registry: Arc::new(Mutex::new(Registry::with_prefix(prefix))) }
    }

    /// Adds a metric. Keep a clone of it to count with; the values of its labels must come from a bounded set.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.registry.lock().register(name, help, metric);
    }

    /// Adds a counter; what is answered counts.
    #[must_use]
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        let counter = Counter::default();
        self.register(name, help, counter.clone());
        counter
    }

    /// All metrics in the OpenMetrics text format.
    ///
    /// # Errors
    /// A metric cannot be written as text.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry.lock())?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_the_service() {
        let metrics = Metrics::new("registry-proxy");
        metrics.counter("requests", "Requests answered").inc();
        assert!(metrics.encode().unwrap().contains("deis_registry_proxy_requests_total 1\n"));
    }
}
