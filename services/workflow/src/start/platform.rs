use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable as _};
use deis_bootstrap::{BindFailed, Context, Latch};
use deis_proto::workflow::push_service_server::PushServiceServer;
use deis_rpc::{Contract, Identity, Server};
use futures_util::try_join;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;

use super::{StartError, serve_rest};
use crate::accounts::{Passwords, ensure_admin};
use crate::config::ServeConfig;
use crate::deploy::{Deployer, Outside};
use crate::hooks::Hooks;
use crate::keeper::Keeper;
use crate::kubernetes::{Cache, Kubernetes};
use crate::ledger::Ledger;
use crate::ledger::sql::SqlLedger;
use crate::logs::{Events, Logs};
use crate::peers::{
    Builder, LiveRouters, Logger, RouterSettings, Session, StateLocks, StateProgress, follow_registration_mode, lead,
};
use crate::runs::Runs;
use crate::seams::Seams;
use crate::server::Workflow;
use crate::server::grpc::Push;

/// Runs the controller of a platform until the process ends.
pub(super) async fn run(config: ServeConfig, context: Context, seams: &impl Seams) -> Result<(), StartError> {
    let opening = context.readiness.latch("the ledger");
    let ports = context.readiness.latch("the ports");
    let identity = Identity::load(&config.tls)?;
    let client = deis_kube::watch::client().await?;
    let cache = Cache::default();
    cache.follow(&context, &client);
    let certificates = deis_kube::names::certificates(&config.namespace);
    cache.follow_certificates(&context, &client, &certificates);
    let routers = Arc::new(LiveRouters::follow(&context, &client, &config.namespace, identity.clone()));
    let pull_key = config.pull_key()?;
    let fingerprints = pull_key.for_requests().into();
    let kubernetes = Kubernetes::new(client.clone(), cache.clone(), pull_key).with_certificates(certificates);

    let sql = SqlLedger::postgres(config.database()?).with_commit(seams.commit());
    let passwords = Passwords::new(context.tasks.clone());
    let opened = context.shutdown.run_until_cancelled(open(&sql, &passwords, &config)).await;
    opened.transpose()?;
    opening.release();

    let state = deis_rpc::connect("state", config.state.clone(), &identity);
    let session = Session::start(&context, state.clone(), config.pod_name.clone());
    let ledger = Arc::new(sql.clone()) as Arc<dyn Ledger>;
    // Nobody waits for the logger: without it apps run as ever, and their logs come from the pods.
    let logger = Arc::new(Logger::new(deis_rpc::connect("logger", config.logger.clone(), &identity)));
    let builder = Builder::follow(&context, &client, &config.namespace, config.builder.clone(), &identity);
    let events = Events::start(&context, Arc::clone(&logger) as _);
    let hooks = Hooks::start(&context, &ledger, &events, config.deploy_hooks()?);
    let outside = Outside {
        ledger: Arc::clone(&ledger),
        cluster: Arc::new(kubernetes.clone()),
        routers: Arc::clone(&routers) as _,
        events: events.announced_by(hooks),
        holders: vec![Arc::new(builder.clone()), Arc::clone(&logger) as _],
        epoch: Instant::now(),
    };
    let locks = Arc::new(StateLocks::new(context.clone(), session.clone()));
    let progress = Arc::new(StateProgress::new(state.clone()));
    let deployer = Deployer::with_seams(context.clone(), outside, seams, locks, progress);
    let runs = Runs::new(seams.runs(Arc::new(kubernetes.clone())), context.shutdown.clone());
    let keeper = Keeper {
        ledger: Arc::clone(&ledger),
        kubernetes: kubernetes.clone(),
        cache,
        deployer: deployer.clone(),
        runs: runs.clone(),
    };
    let settings = RouterSettings { state: state.clone(), kubernetes: client, namespace: config.namespace.clone() };
    let work = move || {
        let (keeper, settings) = (keeper.clone(), settings.clone());
        async move {
            futures_util::join!(keeper.keep(), settings.keep());
        }
    };
    drop(context.tasks.spawn("lead", lead(session, context.shutdown.clone(), work)));

    let workflow = Workflow {
        ledger,
        cluster: Arc::new(kubernetes.clone()),
        pods: Arc::new(kubernetes.clone()),
        routers,
        logs: Logs::new(logger, Arc::new(kubernetes.clone()), Arc::new(kubernetes), context.shutdown.clone()),
        builder: Arc::new(builder),
        deployer,
        runs,
        passwords,
        registration: follow_registration_mode(&context, state, config.registration_mode),
        fingerprints,
        tasks: context.tasks.clone(),
        reserved: config.reserved(),
        missing_procfile: config.reject_if_procfile_missing.into(),
        builder_key: config.builder_key()?,
    };
    let listeners = listen(&context, ports, [config.listen, config.rest_listen]).await?;
    serve(listeners, &context, &identity, workflow).await?;
    sql.close().await;
    Ok(())
}

/// Brings the schema up to date and makes the first administrator. Waits for a database that is still starting.
async fn open(sql: &SqlLedger, passwords: &Passwords, config: &ServeConfig) -> Result<(), StartError> {
    let patience = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter()
        .without_max_times();
    let migrate = || sql.migrate();
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
        Ok(username) => ensure_admin(sql, passwords, username, password).await.map_err(StartError::Admin),
        Err(error) => {
            tracing::error!(%error, "the administrator's name cannot be used");
            Ok(())
        }
    }
}

/// Binds both ports. Whoever is told that the process is ready must not be refused at one of them.
async fn listen(
    context: &Context,
    ports: Latch,
    [grpc, rest]: [SocketAddr; 2],
) -> Result<[TcpListener; 2], BindFailed> {
    let listeners = [context.bind(grpc).await?, context.bind(rest).await?];
    ports.release();
    Ok(listeners)
}

async fn serve(
    [grpc_listener, rest_listener]: [TcpListener; 2],
    context: &Context,
    identity: &Identity,
    workflow: Workflow,
) -> Result<(), StartError> {
    let contract = Contract { callers: deis_proto::CALLERS, descriptors: deis_proto::DESCRIPTORS };
    let push = PushServiceServer::new(Push::new(workflow.clone(), context.clone()));
    let grpc = Server::new(identity, contract).add(push);
    context.metrics.register("grpc_calls", "gRPC calls answered", grpc.calls());
    let grpc = grpc.serve(grpc_listener, context.shutdown.clone().cancelled_owned());
    let rest = async {
        serve_rest(rest_listener, context, workflow).await;
        Ok::<_, StartError>(())
    };
    try_join!(rest, async { grpc.await.map_err(StartError::Grpc) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use deis_bootstrap::Readiness;
    use parking_lot::Mutex;
    use tracing::{Event, Subscriber};
    use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt as _};

    use super::*;

    /// Looks, whenever a port is bound, whether the process is ready already.
    #[derive(Clone)]
    struct Looks(Readiness, Arc<Mutex<Vec<bool>>>);

    impl<S: Subscriber> Layer<S> for Looks {
        fn on_event(&self, _event: &Event<'_>, _context: LayerContext<'_, S>) {
            self.1.lock().push(self.0.is_ready());
        }
    }

    #[tokio::test]
    async fn the_process_is_ready_when_both_ports_are_bound_and_not_before() {
        let context = Context::new("workflow");
        let looks = Looks(context.readiness.clone(), Arc::default());
        let _looks = tracing::subscriber::set_default(tracing_subscriber::registry().with(looks.clone()));
        let (ledger, ports) = (context.readiness.latch("the ledger"), context.readiness.latch("the ports"));
        ledger.release();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listeners = listen(&context, ports, [any, any]).await.unwrap();
        assert_eq!(*looks.1.lock(), [false, false]);
        assert!(context.readiness.is_ready());
        assert_ne!(listeners[0].local_addr().unwrap(), listeners[1].local_addr().unwrap());
    }
}
