//! From the configuration to a service that answers: as the controller of a platform, or by itself.

mod embedded;
mod platform;

use deis_bootstrap::{BindFailed, Context};
use deis_rpc::{IdentityError, ServeError};
use tokio::net::TcpListener;

use crate::config::{Command, Config, Unreadable};
use crate::embedded::FolderError;
use crate::seams::{Plain, Seams};
use crate::server::connections::{self, Limits};
use crate::server::{Workflow, rest};

/// The service cannot start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file of the configuration cannot be read.
    #[error("the configuration is not complete")]
    Config(#[from] Unreadable),
    /// The folder of a controller that runs by itself cannot be used.
    #[error("the folder for the ledger cannot be had")]
    Folder(#[from] FolderError),
    /// A controller would run by itself in a cluster that has one.
    #[error(
        "{service} is in this cluster's namespace {namespace}: the platform's own controller keeps its apps here. Use it, or \
         name another cluster with KUBECONFIG"
    )]
    PlatformRuns {
        /// Where the platform is installed.
        namespace: String,
        /// What was found there.
        service: &'static str,
    },
    /// Kubernetes does not say whether the platform is installed in it.
    #[error("Kubernetes does not answer")]
    Cluster(#[source] kube::Error),
    /// The certificates cannot be used.
    #[error("the service has no identity")]
    Identity(#[from] IdentityError),
    /// There is no way to Kubernetes.
    #[error("Kubernetes cannot be reached")]
    Kubernetes(#[from] deis_kube::watch::ClientError),
    /// The database's schema cannot be brought up to date.
    #[error("the ledger cannot be opened")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// The first administrator cannot be made.
    #[error("the first administrator cannot be made")]
    Admin(#[source] crate::error::Error),
    /// A port cannot be had.
    #[error(transparent)]
    Bind(#[from] BindFailed),
    /// The gRPC server failed.
    #[error(transparent)]
    Grpc(#[from] ServeError),
}

/// Runs the service until the process ends.
///
/// # Errors
/// It cannot start.
pub async fn run(config: Config, context: Context) -> Result<(), StartError> {
    run_with(config, context, Plain).await
}

/// As [`run`], with something between the service and the world outside.
///
/// # Errors
/// It cannot start.
pub async fn run_with(config: Config, context: Context, seams: impl Seams) -> Result<(), StartError> {
    match config.command {
        Command::Serve(config) if config.embedded => embedded::run(*config, context, &seams).await,
        Command::Serve(config) => platform::run(*config, context, &seams).await,
    }
}

async fn serve_rest(listener: TcpListener, context: &Context, workflow: Workflow) {
    connections::serve(listener, context, rest::router(workflow), Limits::default()).await;
}
