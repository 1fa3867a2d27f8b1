//! Every node's read-only door to the registry.
//!
//! HTTP on port 5555, which the node shows on its own loopback only: `GET` and `HEAD` of manifests and blobs, streamed from the
//! registry, for whoever shows the pull credentials of the very app whose repository it asks for. gRPC `deis.registry.v1` on 50051
//! tells operators how it is doing; admin HTTP on 9090.
//!
//! What is asked for is parsed into a [`Target`](target::Target), and the registry is asked for that target in our own words: no
//! spelling of a path can mean one thing here and another there. A registry that is gone makes pulls fail with a sentence, and
//! never makes this process unready: its kubelet would only lose the sentence.
#![warn(missing_docs)]

pub mod config;
pub mod counts;
pub mod credentials;
pub mod error;
pub mod headers;
pub mod relay;
pub mod server;
pub mod target;
pub mod upstream;

use std::sync::Arc;

use deis_bootstrap::Context;
use deis_rpc::Identity;
use tokio::net::TcpListener;

pub use config::Config;
pub use error::{Refusal, StartError};

use crate::counts::Counts;
use crate::credentials::PullKey;
use crate::server::door::Door;
use crate::upstream::Upstream;

/// Runs the service until the process is asked to end.
///
/// # Errors
/// An address or a file cannot be used, or a server failed.
pub async fn run(config: Config, context: Context) -> Result<(), StartError> {
    let door = context.bind(config.door).await?;
    let grpc = context.bind(config.listen).await?;
    run_on(door, grpc, config, context).await
}

/// As [`run`], on listeners that are bound already.
///
/// # Errors
/// A file cannot be used, or a server failed.
pub async fn run_on(door: TcpListener, grpc: TcpListener, config: Config, context: Context) -> Result<(), StartError> {
    let identity = Identity::load(config.tls)?;
    let pull_key = PullKey::read(&config.pull_key).await?;
    let upstream = Arc::new(Upstream::new(config.registry, &config.credentials).await?);
    let counts = Counts::register(&context.metrics);
    let open = Arc::new(Door::new(pull_key, Arc::clone(&upstream), counts.clone()));
    context.tasks.spawn("door", server::door::serve(open, door, context.clone()));
    server::status::serve(upstream, counts, &identity, grpc, context).await
}
