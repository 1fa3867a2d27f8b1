//! What Prometheus sees of an agent.

use deis_bootstrap::Metrics;
use deis_proto::logger::AppendRequest;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// The counts of an agent.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    lines: Counter,
    bytes: Counter,
    lost: Counter,
    pub(crate) sources: Gauge,
    pub(crate) reconnects: Counter,
}

impl Counts {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let sources = Gauge::default();
        metrics.register("agent_sources", "Containers followed, those of earlier restarts included", sources.clone());
        Self {
            lines: metrics.counter("agent_lines", "Lines read"),
            bytes: metrics.counter("agent_bytes", "Bytes of the texts of lines read"),
            lost: metrics.counter("agent_lost", "Lines that could not be read"),
            sources,
            reconnects: metrics.counter("agent_reconnects", "Times the logger was lost"),
        }
    }

    pub(crate) fn took(&self, batch: &AppendRequest) {
        self.lines.inc_by(batch.lines.len() as u64);
        self.bytes.inc_by(batch.lines.iter().map(|line| line.text.len() as u64).sum());
        self.lost.inc_by(batch.lines.iter().map(|line| line.lost_before).sum());
    }
}
