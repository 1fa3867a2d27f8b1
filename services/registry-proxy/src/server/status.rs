//! gRPC `deis.registry.v1`.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::{Context, deadline};
use deis_proto::registry::registry_proxy_service_server::{RegistryProxyService, RegistryProxyServiceServer};
use deis_proto::registry::{GetStatusRequest, GetStatusResponse};
use deis_rpc::{Contract, Identity, Server};
use http::{HeaderMap, Method};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

use crate::counts::Counts;
use crate::error::StartError;
use crate::target::Target;
use crate::upstream::Upstream;

/// How long the registry may take to say that it is there: an operator waits for the answer.
const PROBE_LIMIT: Duration = Duration::from_secs(3);

/// Serves `deis.registry.v1` until the process is asked to end.
///
/// # Errors
/// The transport failed.
pub async fn serve(
    upstream: Arc<Upstream>,
    counts: Counts,
    identity: &Identity,
    listener: TcpListener,
    context: Context,
) -> Result<(), StartError> {
    let contract = Contract { callers: deis_proto::CALLERS, descriptors: deis_proto::DESCRIPTORS };
    let server = Server::new(identity, contract).add(RegistryProxyServiceServer::new(Reporter { upstream, counts }));
    context.metrics.register("grpc_calls", "Calls answered, by method and gRPC status", server.calls());
    Ok(server.serve(listener, context.shutdown.cancelled_owned()).await?)
}

struct Reporter {
    upstream: Arc<Upstream>,
    counts: Counts,
}

impl Reporter {
    /// Asks the registry whether it is one; the error is a sentence for the operator.
    async fn probe(&self) -> Result<(), String> {
        let headers = HeaderMap::new();
        match deadline(PROBE_LIMIT, self.upstream.fetch(Method::GET, &Target::Base, &headers)).await {
            Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
            Ok(Ok(answer)) => Err(format!("the registry answers with status {}", answer.status().as_u16())),
            Ok(Err(refusal)) => Err(match refusal.source() {
                Some(source) => format!("{refusal}: {source}"),
                None => refusal.to_string(),
            }),
            Err(late) => Err(format!("the registry does not answer: {late}")),
        }
    }
}

#[tonic::async_trait]
impl RegistryProxyService for Reporter {
    async fn get_status(&self, _request: Request<GetStatusRequest>) -> Result<Response<GetStatusResponse>, Status> {
        let probed = self.probe().await;
        Ok(Response::new(GetStatusResponse {
            upstream: self.upstream.registry().to_string().trim_end_matches('/').to_owned(),
            upstream_reachable: probed.is_ok(),
            upstream_error: probed.err().unwrap_or_default(),
            requests: self.counts.requests.get().cast_signed(),
            refused: self.counts.refused.get().cast_signed(),
            bytes_sent: self.counts.bytes_sent.get().cast_signed(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }))
    }
}
