//! The edge: every request and every push comes in here.
//!
//! | Port | Serves |
//! |---|---|
//! | 8080 | HTTP/1.1 |
//! | 6443 | HTTPS with the certificate of the domain, else the platform's wildcard one: HTTP/1.1 and HTTP/2 |
//! | 2222 | git's SSH, handed to the builder as it is |
//! | 50051 | gRPC `router.v1`: `AwaitBackends` and `AwaitDrain` for workflow, `GetStatus` and `Explain` for operators |
//! | 9090 | `/healthz`, `/readiness`, `/metrics` |
//!
//! It learns everything from watches and leans on nothing else: with every other service dead it goes on serving, and with
//! Kubernetes dead it starts from the last good table on disk. Any Service with label `router.deis.io/routable=true` is served at
//! the names in its annotation `router.deis.io/domains`, made by workflow or by hand; an EndpointSlice made by hand needs the label
//! too.
//!
//! What it may do in Kubernetes, and nothing more: `list` and `watch` of `services`, `pods` (metadata alone is read) and
//! `endpointslices.discovery.k8s.io` (ClusterRole), and `get`, `list` and `watch` of the one ConfigMap `deis-router-settings` with the
//! operator's settings, which workflow writes (Role); and `list` and `watch` of `secrets` in the one namespace `deis-certificates`, where
//! workflow puts copies of the certificates that domains have (Role). It may read no other Secret.
//!
//! Where to read on: [`feed`] turns Kubernetes' objects into events, [`table`] turns events into routes, [`proxy`] answers requests
//! by them, `server` holds the doors.
#![warn(missing_docs)]

mod backend;
mod certificate;
mod config;
mod demand;
mod error;
mod explain;
pub mod feed;
mod keeper;
mod metrics;
mod presence;
pub mod proxy;
mod server;
pub mod table;
pub mod traffic;

use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::{Context, Latch};
use deis_proto::router::router_service_server::RouterServiceServer;
use deis_rpc::{Contract, Identity};
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use error::Error;
pub use feed::Feed;
use keeper::{Files, Keeper};
use proxy::{Pool, Proxy};
use server::{Certificates, Doors, Git, Http, PlatformCertificate, Rpc};
use table::facts::Event;
use table::{Defaults, Index, Live, ServiceKey};
use traffic::Traffic;

const BUILDER: &str = "deis-builder";
/// What is left of the process's grace for its own end, after clients had theirs.
const OWN_END: Duration = Duration::from_secs(2);
/// Of all idle connections to pods beyond each pod's own so many are kept, each for less than the minute after which many a server or firewall forgets it.
const IDLE_CONNECTIONS: usize = 4096;
const IDLE_LIMIT: Duration = Duration::from_secs(55);

/// The bound doors.
#[derive(Debug)]
pub struct Listeners {
    /// Plain HTTP.
    pub http: TcpListener,
    /// HTTPS.
    pub https: TcpListener,
    /// git.
    pub git: TcpListener,
    /// `router.v1`.
    pub grpc: TcpListener,
}

impl Listeners {
    /// Binds what the configuration names.
    ///
    /// # Errors
    /// An address is taken or not ours.
    pub async fn bind(config: &Config, context: &Context) -> Result<Self, Error> {
        Ok(Self {
            http: context.bind(config.http_address).await?,
            https: context.bind(config.https_address).await?,
            git: context.bind(config.git_address).await?,
            grpc: context.bind(config.grpc_address).await?,
        })
    }
}

/// Runs a router on the cluster it is in, until the process is asked to end.
///
/// # Errors
/// It cannot start: an address, its certificate or the configuration of Kubernetes cannot be used.
pub async fn run(config: Config, context: Context) -> Result<(), Error> {
    let first_table = first_table(&context);
    let client = deis_kube::watch::client().await?;
    let feed = Feed::watch(&client, &builder(&config), &deis_kube::names::certificates(&config.namespace));
    let listeners = Listeners::bind(&config, &context).await?;
    serve(config, context, listeners, feed, first_table).await
}

/// What has to happen before a router is ready: its first table, be it the one on disk. To be taken before anything is awaited.
pub fn first_table(context: &Context) -> Latch {
    context.readiness.latch("the first lists of the watches")
}

/// Runs a router on listeners and events from anywhere.
///
/// # Errors
/// It cannot start, or its gRPC server failed.
pub async fn serve(
    config: Config,
    context: Context,
    listeners: Listeners,
    feed: Feed,
    first_table: Latch,
) -> Result<(), Error> {
    let identity = Identity::load(&config.tls_folder)?;
    // Ends last: the other services may ask until every client has been served.
    let cut = CancellationToken::new();
    let live = Arc::new(Live::new(feed.healths, config.stale_after));
    let platform = PlatformCertificate::new(config.platform_cert_folder.clone());
    let tls = Certificates::new(Arc::clone(&live), platform).server_config()?;
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let traffic = Arc::new(Traffic::default());

    keep_table(&config, &context, &live, feed.events, first_table, &cut);

    let doors = Doors::new(context.tasks.clone(), cut.clone(), config.max_connections);
    let pool = Arc::new(Pool::new(IDLE_CONNECTIONS, IDLE_LIMIT));
    metrics::register(&context.metrics, &live, &traffic, &doors.connections, &pool);
    // A few slow apps leave enough for all others.
    let most_of_one_app = (config.max_connections / 4).max(1);
    let proxy = Arc::new(Proxy {
        live: Arc::clone(&live),
        tasks: context.tasks.clone(),
        traffic: Arc::clone(&traffic),
        cut: cut.clone(),
        pool,
        place_wait: config.place_wait,
        client_stall: config.client_stall,
        most_of_one_app,
    });
    let http = Http { proxy, draining: context.shutdown.clone(), client_idle: config.client_idle };
    let https = http.clone();
    let git = Git { live: Arc::clone(&live), builder: builder(&config), cut: cut.clone() };
    context.tasks.spawn(
        "http door",
        doors.clone().accept("http", listeners.http, move |stream, address, presence| {
            http.clone().plain(stream, address, presence)
        }),
    );
    context.tasks.spawn(
        "https door",
        doors.clone().accept("https", listeners.https, move |stream, address, presence| {
            https.clone().secure(acceptor.clone(), stream, address, presence)
        }),
    );
    context.tasks.spawn(
        "git door",
        doors.clone().accept("git", listeners.git, move |stream, address, presence| {
            git.clone().serve(stream, address, presence)
        }),
    );

    let contract = Contract { callers: deis_proto::CALLERS, descriptors: deis_proto::DESCRIPTORS };
    let rpc = RouterServiceServer::new(Rpc { live, traffic, cut: cut.clone(), most_of_one_app });
    let server = deis_rpc::Server::new(&identity, contract).add(rpc);
    context.metrics.register("grpc_calls", "Calls answered, by method and gRPC status", server.calls());
    let grpc = server.serve(listeners.grpc, cut.clone().cancelled_owned());
    let end = async {
        context.shutdown.cancelled().await;
        doors.close(config.process.shutdown_after.saturating_sub(OWN_END)).await;
    };
    let (served, ()) = tokio::join!(grpc, end);
    Ok(served?)
}

/// Starts what keeps the table.
fn keep_table(
    config: &Config,
    context: &Context,
    live: &Arc<Live>,
    events: BoxStream<'static, Event>,
    first_table: Latch,
    end: &CancellationToken,
) {
    let chart = Defaults { trusted: config.trusted_proxies.clone().into(), ..Defaults::default() };
    let mut saved = Index::new(config.domain.clone(), chart.clone());
    let files = Files { table: config.table_file.clone(), certificates: config.certificates_file.clone() };
    let from_disk = keeper::publish_saved(&files, &mut saved, live);
    let mut index = Index::new(config.domain.clone(), chart);
    // Should the settings be missing now, the last good ones hold.
    index.apply(Event::Settings(saved.settings().clone()));
    let (saves, to_save) = watch::channel(Mutex::new(None));
    let keeper = Keeper { index, live: Arc::clone(live), first_table: (!from_disk).then_some(first_table), saves };
    context.tasks.spawn("table keeper", keeper.run(events, end.clone()));
    let writer = keeper::write_saves(to_save, files, context.tasks.clone());
    context.tasks.spawn("table writer", writer);
}

fn builder(config: &Config) -> ServiceKey {
    ServiceKey { namespace: config.namespace.clone(), name: BUILDER.to_owned() }
}
