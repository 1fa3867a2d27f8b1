use deis_bootstrap::Metrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::limit::Limit;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    limit: &'static str,
}

/// How often each limit has refused somebody.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals(Family<Labels, Counter>);

impl Refusals {
    pub(super) fn register(metrics: &Metrics) -> Self {
        let refusals = Self::default();
        // Of a counter that is not there from the beginning, the first refusal would be no increase.
        for limit in Limit::ALL {
            drop(refusals.0.get_or_create(&Labels { limit: limit.as_str() }));
        }
        let help = "Requests, connections and attempts that a limit of the API has refused or ended, by limit";
        metrics.register("limit_refusals", help, refusals.0.clone());
        refusals
    }

    pub(super) fn count(&self, limit: Limit) {
        self.0.get_or_create(&Labels { limit: limit.as_str() }).inc();
    }

    #[cfg(test)]
    pub(super) fn of(&self, limit: Limit) -> u64 {
        self.0.get_or_create(&Labels { limit: limit.as_str() }).get()
    }
}
