use std::net::SocketAddr;

use deis_bootstrap::Companion;
use prometheus_client::metrics::counter::Counter;

/// Notes that a client took nothing for too long.
#[derive(Debug)]
pub(crate) struct StallNote {
    pub(crate) address: SocketAddr,
    pub(crate) count: Counter,
}

impl Companion for StallNote {
    fn given_up(&mut self) {
        self.count.inc();
        tracing::info!(address = %self.address, reason = "client-stalled", "a connection was given up: its client took nothing of what is sent");
    }
}
