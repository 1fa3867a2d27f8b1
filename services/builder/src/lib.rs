//! git push: owns the repositories, turns source into images and is the only writer of the registry.
//!
//! SSH on port 2222 for people; gRPC `deis.builder.v1` on port 50052 for build pods and on port 50051 for the controller. It promises: a ref moves only when its commit
//! was deployed; nothing is taken from a user before the controller has agreed; one push to an app at a time; a build pod is gone
//! when its build is; once the controller was asked to release an image, nobody's going away stops that.
//!
//! Several builders serve over one volume ([`Process`]): each push runs in one of them, under the app's push lock in the state service and
//! the repository's own on the volume. One that is asked to end takes no more pushes and ends those that it has.
//!
//! From the edge inwards: [`ssh`] knows SSH; [`session`] connects a client with [`git`]; git asks by its [`hook`] whether a ref may
//! move; [`push`] answers, with an image from [`build`] in the [`registry`]. [`ports`] is what is needed of others: the controller
//! and the locks ([`clients`]), the pods ([`pods`]); [`server`] is where build pods call, and the controller about an app's
//! belongings ([`apps`]) and images from elsewhere ([`pull`]).
//!
//! In Kubernetes it needs `create`, `list`, `watch` and `delete` of `pods` in all namespaces, and nothing else.

mod apps;
mod build;
mod cache;
mod clients;
mod config;
mod error;
mod git;
pub mod hook;
mod metrics;
mod orphans;
mod pods;
pub mod ports;
mod process;
mod pull;
mod push;
mod registry;
mod running;
mod server;
mod session;
mod size;
mod span;
mod ssh;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::Context;
use deis_oci::{Image, Layout};
use deis_rpc::Identity;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use config::{BuildPodConfig, Config, Limits};
pub use error::{Error, StartError};
pub use process::Process;
pub use ssh::KeyError;

use apps::Apps;
use build::{Builds, Tickets};
use cache::Caches;
use clients::{StateLocks, Workflow};
use git::{Git, Repositories};
use pods::Pods;
use ports::{Controller, Direct, Effects, Locks, Runner};
use pull::{Guard, Pulls};
use push::Pushes;
use registry::Registry;
use running::{RunningBuilds, RunningPushes};
use session::Sessions;

/// How long before the end of the process a build is cancelled that still runs: the one who pushed hears why.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Runs the service until the process is asked to end.
///
/// # Errors
/// It cannot start, or a listener failed.
pub async fn run(config: Config, context: Context) -> Result<(), StartError> {
    run_through(config, context, |peers| peers).await
}

/// As [`run`], through the peers that `wrap` makes of the real ones.
///
/// # Errors
/// It cannot start, or a listener failed.
pub async fn run_through(
    config: Config,
    context: Context,
    wrap: impl FnOnce(Peers) -> Peers,
) -> Result<(), StartError> {
    let listeners = Listeners {
        ssh: context.bind(config.ssh_listen).await?,
        build_pods: context.bind(config.build_listen).await?,
        services: context.bind(config.grpc_listen).await?,
    };
    let identity = Identity::load(&config.tls)?;
    let process = Process::begin(&config.data, &config.sockets, &config.pod_name);
    let process = Arc::new(process.map_err(|error| StartError::Folder(config.data.clone(), error))?);
    let workflow = deis_rpc::connect("workflow", config.workflow.clone(), &identity);
    let state = deis_rpc::connect("state", config.state.clone(), &identity);
    let pods = pods(&config, &listeners, Arc::clone(&process)).await?;
    let peers = Peers {
        controller: Arc::new(Workflow::new(workflow)),
        locks: Arc::new(StateLocks::new(state, Arc::clone(&process), context.tasks.clone())),
        runner: Arc::new(pods),
        effects: Arc::new(Direct),
    };
    run_with(config, context, listeners, identity, process, wrap(peers)).await
}

/// Sockets that are bound already.
#[derive(Debug)]
pub struct Listeners {
    /// For people.
    pub ssh: TcpListener,
    /// For build pods.
    pub build_pods: TcpListener,
    /// For the other services.
    pub services: TcpListener,
}

/// Those whom the builder leans on, and how it does what it does itself.
pub struct Peers {
    pub controller: Arc<dyn Controller>,
    pub locks: Arc<dyn Locks>,
    pub runner: Arc<dyn Runner>,
    pub effects: Arc<dyn Effects>,
}

/// As [`run`], with sockets and peers of the caller's choice.
///
/// # Errors
/// It cannot start, or a listener failed.
pub async fn run_with(
    config: Config,
    context: Context,
    listeners: Listeners,
    identity: Identity,
    process: Arc<Process>,
    peers: Peers,
) -> Result<(), StartError> {
    let keys = ssh::load_host_keys(&config.host_keys)
        .map_err(|error| StartError::HostKeys(config.host_keys.clone(), Some(error)))?;
    if keys.is_empty() {
        return Err(StartError::HostKeys(config.host_keys, None));
    }
    let swept = process.sweep().and_then(|()| git::abandoned(&config.data));
    swept.map_err(|error| StartError::Folder(config.data.clone(), error))?;
    let orphans =
        orphans::remove(Arc::clone(&process), Arc::clone(&peers.runner), context.clone(), orphans::LOOK_AGAIN);
    drop(context.tasks.spawn("orphans", orphans));
    let tickets = Tickets::default();
    let sessions = sessions(&config, &context, process, peers, tickets.clone())?;
    let apps = Apps {
        pushes: Arc::clone(&sessions.pushes),
        repositories: sessions.repositories.clone(),
        locks: Arc::clone(&sessions.locks),
    };
    let apps = Arc::new(apps);
    let pulls = Pulls {
        registry: Arc::clone(&apps.pushes.builds.registry),
        image_host: config.image_host.clone(),
        guard: Arc::new(Guard::new(&config.pull_registries, &config.registry, &config.image_host)),
        max_bytes: config.limits.max_pull_bytes,
        context: context.clone(),
    };
    let bounds = ssh::Bounds {
        connections: config.limits.max_connections,
        login: config.limits.login_grace,
        lifetime: sessions.limit + Duration::from_secs(60),
    };
    // The other listeners go last: a push that goes on is yet to hear from its build pod, and to be cancelled.
    let over = CancellationToken::new();
    let people = {
        let (people, over) =
            (ssh::serve(listeners.ssh, keys, bounds, Arc::new(sessions), context.clone()), over.clone());
        context.tasks.spawn("ssh", async move {
            people.await;
            over.cancel();
        })
    };
    let over = || over.clone();
    let pods = server::serve_build_pods(listeners.build_pods, &identity, tickets, &context.metrics, over());
    let services =
        server::serve_services(listeners.services, &identity, apps, Arc::new(pulls), &context.metrics, over());
    // Whichever ends first, the others must not go on alone.
    let (mut pods, mut services) = (std::pin::pin!(pods), std::pin::pin!(services));
    let served = tokio::select! {
        served = &mut pods => { context.shutdown.cancel(); served.and(services.await) }
        served = &mut services => { context.shutdown.cancel(); served.and(pods.await) }
    };
    drop(people.await);
    Ok(served?)
}

fn sessions(
    config: &Config,
    context: &Context,
    process: Arc<Process>,
    peers: Peers,
    tickets: Tickets,
) -> Result<Sessions, StartError> {
    let folder = |name: &str| make_folder(config.data.join(name));
    let hooks = process.folder().join("hooks");
    let program = match &config.hook_program {
        Some(program) => Ok(program.clone()),
        None => std::env::current_exe(),
    };
    program
        .and_then(|program| hook::install(&hooks, &program))
        .map_err(|error| StartError::Folder(hooks.clone(), error))?;
    let git = Git::new(&hooks, config.limits.max_push_bytes);
    let repositories = Repositories::new(folder("repositories")?, process.drafts(), git);

    let (run_image, layout) = run_image(&config.stack_run)?;
    let registry = Registry::new(&config.registry, &config.registry_username, &config.registry_password, layout)
        .map_err(StartError::Registry)?;
    let builds = Builds {
        runner: peers.runner,
        effects: peers.effects,
        tickets,
        registry: Arc::new(registry),
        run_image,
        spool: process.spool(),
        caches: Caches::new(folder("cache")?, config.limits.max_cache_bytes, config.limits.max_cache_total_bytes),
        limits: config.limits.clone(),
        context: context.clone(),
    };
    let pushes = Pushes {
        controller: Arc::clone(&peers.controller),
        builds,
        image_host: config.image_host.clone(),
        process,
        grace: config.process.shutdown_after.saturating_sub(LAST_WORDS),
        running: RunningBuilds::default(),
        running_pushes: RunningPushes::default(),
        metrics: metrics::Metrics::register(&context.metrics),
        context: context.clone(),
    };
    Ok(Sessions {
        controller: peers.controller,
        locks: peers.locks,
        repositories,
        pushes: Arc::new(pushes),
        max_push_bytes: config.limits.max_push_bytes,
        limit: config.limits.build_timeout + config.limits.push_timeout,
    })
}

fn make_folder(path: std::path::PathBuf) -> Result<std::path::PathBuf, StartError> {
    match fs::create_dir_all(&path) {
        Ok(()) => Ok(path),
        Err(error) => Err(StartError::Folder(path, error)),
    }
}

/// The one image of the layout.
fn run_image(path: &Path) -> Result<(Image, Layout), StartError> {
    let open = || {
        let layout = Layout::open(path)?;
        let images = layout.images()?;
        let (_, digest) = images.first().ok_or_else(|| deis_oci::Error::NoImage("stack-run".to_owned()))?;
        Ok((layout.image_by_digest(digest)?, layout))
    };
    open().map_err(|error| StartError::RunImage(path.to_owned(), error))
}

async fn pods(config: &Config, listeners: &Listeners, process: Arc<Process>) -> Result<Pods, StartError> {
    let client = kube::Client::try_default().await.map_err(|error| StartError::Kubernetes(Box::new(error)))?;
    let ca = config.tls.join("ca.crt");
    let ca = fs::read_to_string(&ca).map_err(|error| StartError::Folder(ca, error))?;
    let port = listeners.build_pods.local_addr().map_or(config.build_listen.port(), |address| address.port());
    // A little longer than our own patience, which ends with better words.
    let deadline_seconds = i64::try_from(config.limits.build_timeout.as_secs()).unwrap_or(i64::MAX).saturating_add(60);
    let (config, address) = (config.build_pod.clone(), config.pod_ip);
    Ok(Pods { client, config, address, port, ca: ca.into(), deadline_seconds, process })
}
