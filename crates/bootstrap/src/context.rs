use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{Metrics, Readiness, Tasks};

/// What a process lends to the service that runs in it.
#[derive(Clone, Debug)]
pub struct Context {
    /// The service's name: "router".
    pub service: &'static str,
    /// Where all tasks are spawned.
    pub tasks: Tasks,
    /// Cancelled when the process is asked to end. Parts that must end in an order take child tokens.
    pub shutdown: CancellationToken,
    /// What must have happened before others may rely on this process.
    pub readiness: Readiness,
    /// The service's Prometheus metrics.
    pub metrics: Metrics,
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindFailed {
    address: SocketAddr,
    source: std::io::Error,
}

impl Context {
    /// A context without a process around it: no signals, no admin port. [`crate::main`] makes its own; tests and processes that
    /// hold several services start here.
    #[must_use]
    pub fn new(service: &'static str) -> Self {
        let shutdown = CancellationToken::new();
        Self {
            service,
            tasks: Tasks::new(shutdown.clone()),
            shutdown,
            readiness: Readiness::default(),
            metrics: Metrics::new(service),
        }
    }

    /// Binds a TCP listener.
    ///
    /// # Errors
    /// The address is taken, not ours, or not allowed.
    pub async fn bind(&self, address: SocketAddr) -> Result<TcpListener, BindFailed> {
        let listener = TcpListener::bind(address).await.map_err(|source| BindFailed { address, source })?;
        if let Ok(bound) = listener.local_addr() {
            tracing::info!(address = %bound, "listening");
        }
        Ok(listener)
    }
}
