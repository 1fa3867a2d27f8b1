use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::serve::ListenerExt as _;
use backon::{ExponentialBuilder, Retryable as _};
use deis_bootstrap::{BindFailed, Context};
use deis_proto::workflow::push_service_server::PushServiceServer;
use deis_rpc::{Contract, Identity, IdentityError, ServeError, Server};
use futures_util::try_join;
use secrecy::ExposeSecret as _;

use crate::accounts::{Passwords, ensure_admin};
use crate::config::{Config, Unreadable};
use crate::deploy::{Deployer, Outside};
use crate::keeper::Keeper;
use crate::kubernetes::{Cache, Kubernetes};
use crate::ledger::Ledger;
use crate::ledger::postgres::Postgres;
use crate::logs::{Events, Logs};
use crate::peers::{Builder, LiveRouters, Logger, Session, StateLocks, StateProgress, follow_registration_mode, lead};
use crate::server::grpc::Push;
use crate::server::{Workflow, rest};

/// The service cannot start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file of the configuration cannot be read.
    #[error("the configuration is not complete")]
    Config(#[from] Unreadable),
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
    /// The REST server failed.
    #[error("the REST server failed")]
    Rest(#[source] std::io::Error),
    /// The gRPC server failed.
    #[error(transparent)]
    Grpc(#[from] ServeError),
}

/// Runs the service until the process ends.
///
/// # Errors
/// It cannot start.
pub async fn run(config: Config, context: Context) -> Result<(), StartError> {
    let opening = context.readiness.latch("the ledger");
    let identity = Identity::load(&config.tls)?;
    let client = deis_kube::watch::client().await?;
    let cache = Cache::default();
    cache.follow(&context, &client);
    let routers = LiveRouters::follow(&context, &client, &config.namespace, identity.clone());
    let kubernetes = Kubernetes::new(client, cache.clone(), config.pull_key()?);

    let postgres = Postgres::new(config.database()?);
    let passwords = Passwords::new(context.tasks.clone());
    let opened = context.shutdown.run_until_cancelled(open(&postgres, &passwords, &config)).await;
    opened.transpose()?;
    opening.release();

    let state = deis_rpc::connect("state", config.state.clone(), &identity);
    let session = Session::start(&context, state.clone(), config.pod_name.clone());
    let ledger = Arc::new(postgres.clone()) as Arc<dyn Ledger>;
    // Nobody waits for the logger: without it apps run as ever, and their logs come from the pods.
    let logger = Arc::new(Logger::new(deis_rpc::connect("logger", config.logger.clone(), &identity)));
    let builder = Builder::new(deis_rpc::connect("builder", config.builder.clone(), &identity));
    let outside = Outside {
        ledger: Arc::clone(&ledger),
        cluster: Arc::new(kubernetes.clone()),
        routers: Arc::new(routers),
        events: Events::start(&context, Arc::clone(&logger) as _),
        holders: vec![Arc::new(builder.clone()), Arc::clone(&logger) as _],
        epoch: Instant::now(),
    };
    let locks = Arc::new(StateLocks::new(context.clone(), session.clone()));
    let progress = Arc::new(StateProgress::new(state.clone()));
    let deployer = Deployer::new(context.clone(), outside, locks, progress);
    let keeper =
        Keeper { ledger: Arc::clone(&ledger), kubernetes: kubernetes.clone(), cache, deployer: deployer.clone() };
    drop(context.tasks.spawn("lead", lead(session, context.shutdown.clone(), move || keeper.clone().keep())));

    let workflow = Workflow {
        ledger,
        cluster: Arc::new(kubernetes.clone()),
        pods: Arc::new(kubernetes.clone()),
        logs: Logs::new(logger, Arc::new(kubernetes.clone()), Arc::new(kubernetes), context.shutdown.clone()),
        builder: Arc::new(builder),
        deployer,
        passwords,
        registration: follow_registration_mode(&context, state, config.registration_mode),
        tasks: context.tasks.clone(),
        reserved: config.reserved_names.iter().map(|name| name.trim().to_owned()).collect(),
    };
    serve(&config, &context, &identity, workflow).await?;
    postgres.close().await;
    Ok(())
}

/// Brings the schema up to date and makes the first administrator. Waits for a database that is still starting.
async fn open(postgres: &Postgres, passwords: &Passwords, config: &Config) -> Result<(), StartError> {
    let patience = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter()
        .without_max_times();
    let migrate = || postgres.migrate();
    let is_away = |error: &sqlx::migrate::MigrateError| matches!(error, sqlx::migrate::MigrateError::Execute(_));
    migrate
        .retry(patience)
        .when(is_away)
        .notify(|error, delay| {
            tracing::warn!(error = ?error, ?delay, "the database does not answer yet");
        })
        .await?;
    let Some((username, password)) = config.admin()? else { return Ok(()) };
    match username.expose_secret().parse() {
        Ok(username) => ensure_admin(postgres, passwords, username, password).await.map_err(StartError::Admin),
        Err(error) => {
            tracing::error!(%error, "the administrator's name cannot be used");
            Ok(())
        }
    }
}

async fn serve(config: &Config, context: &Context, identity: &Identity, workflow: Workflow) -> Result<(), StartError> {
    let contract = Contract { callers: deis_proto::CALLERS, descriptors: deis_proto::DESCRIPTORS };
    let push = PushServiceServer::new(Push::new(workflow.clone(), context.clone()));
    let grpc = Server::new(identity, contract).add(push);
    context.metrics.register("grpc_calls", "gRPC calls answered", grpc.calls());
    let grpc_listener = context.bind(config.listen).await?;
    // Small answers are to leave at once.
    let rest_listener = context.bind(config.rest_listen).await?.tap_io(|connection| {
        drop(connection.set_nodelay(true));
    });
    let rest = axum::serve(rest_listener, rest::router(workflow));
    let rest = rest.with_graceful_shutdown(context.shutdown.clone().cancelled_owned());
    try_join!(async { rest.await.map_err(StartError::Rest) }, async {
        grpc.serve(grpc_listener, context.shutdown.clone().cancelled_owned()).await.map_err(StartError::Grpc)
    },)?;
    Ok(())
}
