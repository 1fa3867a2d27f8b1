//! The gRPC edge: decode, call, encode; one module for each service of the contract.

mod leadership;
mod lease;
mod lock;
mod progress;
mod settings;

use std::pin::Pin;
use std::time::Duration;

use deis_bootstrap::Context;
use deis_proto::state::leadership_service_server::LeadershipServiceServer;
use deis_proto::state::lease_service_server::LeaseServiceServer;
use deis_proto::state::lock_service_server::LockServiceServer;
use deis_proto::state::progress_service_server::ProgressServiceServer;
use deis_proto::state::settings_service_server::SettingsServiceServer;
use deis_rpc::{Contract, Identity, Server};
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::error::{Error, StartError};
use crate::store::Store;

/// Bytes in the longest text that is meant for people.
const LONGEST_TEXT: usize = 256;

/// A stream of answers.
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

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
        let start = Some((Box::pin(stream), self.context.shutdown.clone()));
        Box::pin(stream::unfold(start, async |state| {
            let (mut stream, shutdown) = state?;
            let item = next_or_ending(&mut stream, &shutdown).await?;
            let rest = item.is_ok().then_some((stream, shutdown));
            Some((item.map_err(refusal), rest))
        }))
    }
}

async fn next_or_ending<T>(
    stream: &mut (impl Stream<Item = Result<T, Error>> + Unpin),
    shutdown: &CancellationToken,
) -> Option<Result<T, Error>> {
    tokio::select! {
        // First, because streams that are fed by tasks end at the same moment, without a word.
        biased;
        () = shutdown.cancelled() => Some(Err(Error::Ending)),
        item = stream.next() => item,
    }
}

/// An error as the caller gets it; our own troubles are logged here, and nowhere else.
#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error, and fits `map_err`")]
fn refusal(error: Error) -> Status {
    if let Some(source) = std::error::Error::source(&error) {
        tracing::warn!(%error, source, "a call failed");
    }
    deis_rpc::status(error.code(), error.to_string())
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
