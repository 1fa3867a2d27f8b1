use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// A client's connection, from its acceptance until nothing of it is left: what it became (a websocket) included.
#[derive(Debug)]
pub struct Presence {
    connections: Gauge,
    _room: OwnedSemaphorePermit,
    _active: TaskTrackerToken,
}

impl Presence {
    /// Counts one more connection until it is dropped.
    pub(crate) fn new(connections: &Gauge, room: OwnedSemaphorePermit, active: TaskTrackerToken) -> Self {
        connections.inc();
        Self { connections: connections.clone(), _room: room, _active: active }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.connections.dec();
    }
}
