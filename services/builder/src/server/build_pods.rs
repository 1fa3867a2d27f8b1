//! The listener for build pods: TLS without client certificates, one service, a token for each call.

use std::pin::Pin;

use deis_api::Code;
use deis_proto::builder::build_service_server::{BuildService, BuildServiceServer};
use deis_proto::builder::{BuilderMessage, PodMessage};
use deis_rpc::{Identity, ServeError, Server, status};
use futures_util::stream::{Stream, StreamExt as _};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::CONTRACT;
use crate::build::{Arrival, Tickets};

/// How callers without a certificate are called in the contract.
const BUILD_POD: &str = "build-pod";

/// Messages on their way to a pod.
const IN_FLIGHT: usize = 16;

struct BuildRpc {
    tickets: Tickets,
}

#[tonic::async_trait]
impl BuildService for BuildRpc {
    type BuildStream = Pin<Box<dyn Stream<Item = Result<BuilderMessage, Status>> + Send>>;

    async fn build(&self, request: Request<Streaming<PodMessage>>) -> Result<Response<Self::BuildStream>, Status> {
        let token = bearer(&request).ok_or_else(|| status(Code::NotAuthenticated, "a build pod shows its token"))?;
        let (outgoing, queue) = mpsc::channel(IN_FLIGHT);
        // A stream that breaks ends: the build asks Kubernetes what became of the pod.
        let incoming = request.into_inner().take_while(|message| {
            if let Err(status) = message {
                tracing::info!(%status, "the connection to a build pod broke");
            }
            std::future::ready(message.is_ok())
        });
        let arrival =
            Arrival { incoming: incoming.filter_map(|message| std::future::ready(message.ok())).boxed(), outgoing };
        let redeemed = self.tickets.redeem(&token, arrival);
        redeemed.map_err(|_| status(Code::InvalidCredentials, "no build waits for this token"))?;
        Ok(Response::new(ReceiverStream::new(queue).map(Ok).boxed()))
    }
}

fn bearer<T>(request: &Request<T>) -> Option<SecretString> {
    let value = request.metadata().get("authorization")?.to_str().ok()?;
    Some(value.strip_prefix("Bearer ")?.to_owned().into())
}

pub(crate) async fn serve(
    listener: TcpListener,
    identity: &Identity,
    tickets: Tickets,
    metrics: &deis_bootstrap::Metrics,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let server = Server::anonymous(identity, CONTRACT, BUILD_POD).add(BuildServiceServer::new(BuildRpc { tickets }));
    metrics.register("grpc_calls", "Calls by method and gRPC status", server.calls());
    server.serve(listener, shutdown.cancelled_owned()).await
}
