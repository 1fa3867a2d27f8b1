//! What must be agreed on *now*: leases, the locks and leaderships that hang on them, platform settings, short-lived progress of
//! operations.
//!
//! gRPC `deis.state.v1` on port 50051, for workflow, builder and operators; admin HTTP on 9090. Facts live in etcd, which nobody
//! else may use, and nothing that must last lives there: a lease is liveness, never safety. Whoever writes to the ledger or to
//! Kubernetes under a lock carries a fence besides.
//!
//! From the edge inwards: [`server`] decodes and encodes; [`leases`], [`locks`], [`leadership`], [`holdings`], [`settings`] and
//! [`progress`] are the logic, each on the few primitives of [`store::Store`]; [`store::etcd`] is the store, [`store::memory`] the one
//! for tests.
#![warn(missing_docs)]

pub mod config;
pub mod error;
pub mod follow;
pub mod holdings;
pub mod leadership;
pub mod leases;
pub mod locks;
pub mod names;
mod patience;
pub mod progress;
pub mod server;
pub mod settings;
pub mod store;

use deis_bootstrap::Context;
use deis_rpc::Identity;
use tokio::net::TcpListener;

pub use config::Config;
pub use error::{Error, StartError};
use store::etcd::Etcd;

/// Runs the service on etcd until the process is asked to end.
///
/// # Errors
/// The address or the certificates cannot be used, or the server failed.
pub async fn run(config: Config, context: Context) -> Result<(), StartError> {
    let listener = context.bind(config.listen).await?;
    run_on(listener, config, context).await
}

/// As [`run`], on a listener that is bound already.
///
/// # Errors
/// The certificates cannot be used, or the server failed.
pub async fn run_on(listener: TcpListener, config: Config, context: Context) -> Result<(), StartError> {
    let identity = Identity::load(config.tls)?;
    let store = Etcd::open(config.etcd).await?;
    context.tasks.spawn("etcd link", watch_link(store.clone(), context.clone()));
    server::serve(store, &identity, listener, context).await
}

/// Keeps the link to etcd, and the process ready only while it holds.
async fn watch_link(store: Etcd, context: Context) {
    let mut latch = Some(context.readiness.latch("etcd"));
    let on_change = |reached| latch = if reached { None } else { Some(context.readiness.latch("etcd")) };
    tokio::select! {
        () = store.keep_link(on_change) => {}
        () = context.shutdown.cancelled() => {}
    }
}
