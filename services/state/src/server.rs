//! The gRPC edge: decode, call, encode; one module for each service of the contract.

mod holdings;
mod leadership;
mod lease;
mod lock;
mod progress;
mod settings;

use std::time::Duration;

use deis_bootstrap::Context;
use deis_proto::state::holdings_service_server::HoldingsServiceServer;
use deis_proto::state::leadership_service_server::LeadershipServiceServer;
use deis_proto::state::lease_service_server::LeaseServiceServer;
use deis_proto::state::lock_service_server::LockServiceServer;
use deis_proto::state::progress_service_server::ProgressServiceServer;
use deis_proto::state::settings_service_server::SettingsServiceServer;
use deis_rpc::{Answers, Contract, Identity, Server, refusal};
use futures_util::stream::Stream;
use tokio::net::TcpListener;
use tonic::Status;

use crate::error::{Error, StartError};
use crate::store::Store;

/// Bytes in the longest text that is meant for people.
const LONGEST_TEXT: usize = 256;

/// Serves `deis.state.v1` from a store until the process is asked to end.
///
/// # Errors
/// The transport failed.
pub async fn serve<S: Store>(
    store: S,
    identity: &Identity,
    listener: TcpListener,
    context: Context,
) -> Result<(), StartError> {
    let edge = Edge { store, context: context.clone() };
    let contract = Contract { callers: deis_proto::CALLERS, descriptors: deis_proto::DESCRIPTORS };
    let server = Server::new(identity, contract)
        .add(HoldingsServiceServer::new(edge.clone()))
        .add(LeadershipServiceServer::new(edge.clone()))
        .add(LeaseServiceServer::new(edge.clone()))
        .add(LockServiceServer::new(edge.clone()))
        .add(ProgressServiceServer::new(edge.clone()))
        .add(SettingsServiceServer::new(edge));
    context.metrics.register("grpc_calls", "Calls answered, by method and gRPC status", server.calls());
    Ok(server.serve(listener, context.shutdown.cancelled_owned()).await?)
}

/// What every service of the contract works with.
#[derive(Clone, Debug)]
struct Edge<S> {
    store: S,
    context: Context,
}

impl<S> Edge<S> {
    /// Does something that may wait, unless the process ends first.
    async fn or_ending<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Status> {
        tokio::select! {
            result = work => result.map_err(refusal),
            () = self.context.shutdown.cancelled() => Err(refusal(Error::Ending)),
        }
    }

    /// A stream that ends with its first error, or when the process does.
    fn answers<T: Send + 'static>(&self, stream: impl Stream<Item = Result<T, Error>> + Send + 'static) -> Answers<T> {
        deis_rpc::answers(stream, self.context.shutdown.clone().cancelled_owned())
    }
}

/// A text for people, as long as it is not a novel.
fn text(field: &'static str, text: String) -> Result<String, Error> {
    if text.len() > LONGEST_TEXT { Err(Error::TooLarge { field, limit: LONGEST_TEXT }) } else { Ok(text) }
}

/// A duration that must be there.
fn duration(field: &'static str, duration: Option<prost_types::Duration>) -> Result<Duration, Error> {
    let invalid = Error::Invalid { field, rule: "a duration of 0 or more" };
    duration.and_then(|duration| duration.try_into().ok()).ok_or(invalid)
}

fn proto_duration(duration: Duration) -> Option<prost_types::Duration> {
    duration.try_into().ok()
}
