//! The two gRPC edges: the listener for build pods, which have a token, and the one for the services, which have certificates.

mod apps;
mod build_pods;
mod images;

use std::sync::Arc;

use deis_proto::builder::app_service_server::AppServiceServer;
use deis_proto::builder::image_service_server::ImageServiceServer;
use deis_rpc::{Contract, Identity, ServeError, Server, status};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::Error;
use crate::apps::Apps;
use crate::pull::Pulls;

pub(crate) use build_pods::serve as serve_build_pods;

const CONTRACT: Contract = Contract { callers: deis_proto::CALLERS, descriptors: deis_proto::DESCRIPTORS };

/// Serves the other services.
pub(crate) async fn serve_services(
    listener: TcpListener,
    identity: &Identity,
    apps: Arc<Apps>,
    pulls: Arc<Pulls>,
    metrics: &deis_bootstrap::Metrics,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let server = Server::new(identity, CONTRACT)
        .add(AppServiceServer::new(apps::AppRpc { apps }))
        .add(ImageServiceServer::new(images::ImageRpc { pulls }));
    metrics.register("service_grpc_calls", "Calls of other services by method and gRPC status", server.calls());
    server.serve(listener, shutdown.cancelled_owned()).await
}

/// A name that a caller gave.
fn name<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Status> {
    text.parse().map_err(|error: T::Err| status(deis_api::Code::InvalidArgument, format!("{error}.")))
}

fn refusal(error: Error) -> Status {
    tracing::info!(code = %error.code(), %error, "refused");
    status(error.code(), error.to_string())
}
