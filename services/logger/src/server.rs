//! The gRPC edge of the server: decode, call, encode.

mod append;
mod events;
mod read;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deis_api::AppName;
use deis_bootstrap::{Context, Latch};
use deis_proto::logger::log_service_server::{LogService, LogServiceServer};
use deis_proto::logger::{
    AppendRequest, AppendResponse, DeleteAppRequest, DeleteAppResponse, Entry, ReadRequest, RecordEventRequest,
    RecordEventResponse,
};
use deis_rpc::{Answers, Contract, Identity, Server, refusal};
use futures_util::stream::Stream;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, Streaming};

use crate::config::ServeConfig;
use crate::error::{Error, StartError};
use crate::metrics::Counts;
use crate::store::{Link, Store};

/// How many callers may follow at once; each has a connection to Redis of its own.
const MOST_FOLLOWERS: usize = 1000;
/// How many callers may be given an app's newest lines at once: each holds as many bytes as are kept of an app.
const MOST_READERS: usize = 64;

/// Serves `deis.logger.v1` until the process is asked to end. The process is not ready from this call on until Redis is reached.
///
/// # Errors
/// The certificates or the address of Redis cannot be used, or the transport failed.
pub fn serve(
    listener: TcpListener,
    config: ServeConfig,
    context: Context,
) -> impl Future<Output = Result<(), StartError>> + Send {
    let unreached = context.readiness.latch("Redis");
    async move {
        let identity = Identity::load(config.tls)?;
        let link = Link::new(&config.store, context.tasks.clone())?;
        let store = Store::new(link.clone(), &config.store);
        let end = context.shutdown.clone();
        context.tasks.spawn("readiness", say_whether_ready(store.clone(), unreached, context.clone()));
        context.tasks.spawn("link to Redis", async move { end.run_until_cancelled(link.keep()).await });

        let edge = Edge {
            store,
            context: context.clone(),
            counts: Counts::register(&context.metrics),
            room: Arc::new(Semaphore::new(MOST_FOLLOWERS)),
            reading: Arc::new(Semaphore::new(MOST_READERS)),
        };
        let contract = Contract { callers: deis_proto::CALLERS, descriptors: deis_proto::DESCRIPTORS };
        let server = Server::new(&identity, contract).add(LogServiceServer::new(edge));
        context.metrics.register("grpc_calls", "Calls answered, by method and gRPC status", server.calls());
        Ok(server.serve(listener, context.shutdown.cancelled_owned()).await?)
    }
}

/// The process is ready while Redis is reached.
async fn say_whether_ready(store: Store, unreached: Latch, context: Context) {
    let mut latch = Some(unreached);
    let mut reached = store.reached();
    loop {
        let is_reached = reached.borrow_and_update().is_some();
        if is_reached {
            latch = None;
        } else if latch.is_none() {
            latch = Some(context.readiness.latch("Redis"));
        }
        if !matches!(context.shutdown.run_until_cancelled(reached.changed()).await, Some(Ok(()))) {
            return;
        }
    }
}

/// What every call works with.
#[derive(Clone, Debug)]
struct Edge {
    store: Store,
    context: Context,
    counts: Counts,
    /// Room for those who follow.
    room: Arc<Semaphore>,
    /// Room for those who are given the newest lines.
    reading: Arc<Semaphore>,
}

#[tonic::async_trait]
impl LogService for Edge {
    type AppendStream = Answers<AppendResponse>;
    type ReadStream = Answers<Entry>;

    async fn append(&self, request: Request<Streaming<AppendRequest>>) -> Result<Response<Self::AppendStream>, Status> {
        append::append(self, request.into_inner()).map(Response::new).map_err(refusal)
    }

    async fn record_event(
        &self,
        request: Request<RecordEventRequest>,
    ) -> Result<Response<RecordEventResponse>, Status> {
        events::record(self, request.into_inner()).await.map(Response::new).map_err(refusal)
    }

    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<Self::ReadStream>, Status> {
        read::read(self, request.into_inner()).await.map(Response::new).map_err(refusal)
    }

    async fn delete_app(&self, request: Request<DeleteAppRequest>) -> Result<Response<DeleteAppResponse>, Status> {
        events::delete(self, request.into_inner()).await.map(Response::new).map_err(refusal)
    }
}

impl Edge {
    /// A stream that ends with its first error, or when the process does.
    fn answers<T: Send + 'static>(&self, stream: impl Stream<Item = Result<T, Error>> + Send + 'static) -> Answers<T> {
        deis_rpc::answers(stream, self.context.shutdown.clone().cancelled_owned())
    }
}

fn app(name: &str) -> Result<AppName, Error> {
    name.parse().map_err(|_not_a_name| Error::Invalid { field: "app", rule: "the name of an app" })
}

/// Microseconds since 1970.
fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
