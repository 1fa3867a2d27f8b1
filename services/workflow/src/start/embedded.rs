use std::sync::Arc;
use std::time::Instant;

use deis_bootstrap::Context;
use k8s_openapi::api::core::v1::Service;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::watch;

use super::{StartError, serve_rest};
use crate::accounts::Passwords;
use crate::config::ServeConfig;
use crate::deploy::{Deployer, Outside};
use crate::embedded::{Absent, Folder, OwnLocks, OwnProgress};
use crate::hooks::Hooks;
use crate::keeper::Keeper;
use crate::kubernetes::{Cache, Kubernetes};
use crate::ledger::Ledger;
use crate::ledger::sql::SqlLedger;
use crate::logs::{Events, Logs};
use crate::runs::Runs;
use crate::seams::Seams;
use crate::server::Workflow;

/// The Service of state, which says that a platform is installed.
const STATE: &str = "deis-state";

/// Runs a controller by itself until the process ends.
pub(super) async fn run(config: ServeConfig, context: Context, seams: &impl Seams) -> Result<(), StartError> {
    let opening = context.readiness.latch("the ledger");
    let port = context.readiness.latch("the port");
    let client = deis_kube::watch::client().await?;
    refuse_platform(&client).await?;
    let folder = Folder::open(&config.data)?;
    let sql = SqlLedger::sqlite(&folder.ledger()).with_commit(seams.commit());
    sql.migrate().await?;
    opening.release();

    let cache = Cache::default();
    cache.follow(&context, &client);
    let pull_key = folder.pull_key()?;
    let fingerprints = pull_key.for_requests().into();
    let kubernetes = Kubernetes::new(client, cache.clone(), pull_key);
    let ledger = Arc::new(sql.clone()) as Arc<dyn Ledger>;
    let events = Events::start(&context, Arc::new(Absent));
    let hooks = Hooks::start(&context, &ledger, &events, config.deploy_hooks()?);
    let outside = Outside {
        ledger: Arc::clone(&ledger),
        cluster: Arc::new(kubernetes.clone()),
        routers: Arc::new(Absent),
        events: events.announced_by(hooks),
        holders: Vec::new(),
        epoch: Instant::now(),
    };
    let (locks, progress) = (Arc::new(OwnLocks::default()), Arc::new(OwnProgress::default()));
    let deployer = Deployer::with_seams(context.clone(), outside, seams, locks, progress);
    let runs = Runs::new(seams.runs(Arc::new(kubernetes.clone())), context.shutdown.clone());
    let keeper = Keeper {
        ledger: Arc::clone(&ledger),
        kubernetes: kubernetes.clone(),
        cache,
        deployer: deployer.clone(),
        runs: runs.clone(),
    };
    let shutdown = context.shutdown.clone();
    drop(context.tasks.spawn("keep the apps", async move {
        shutdown.run_until_cancelled(keeper.keep()).await;
    }));

    let (_chosen, registration) = watch::channel(config.registration_mode);
    let workflow = Workflow {
        ledger,
        cluster: Arc::new(kubernetes.clone()),
        pods: Arc::new(kubernetes.clone()),
        routers: Arc::new(Absent),
        logs: Logs::new(Arc::new(Absent), Arc::new(kubernetes.clone()), Arc::new(kubernetes), context.shutdown.clone()),
        builder: Arc::new(Absent),
        deployer,
        runs,
        passwords: Passwords::new(context.tasks.clone()),
        registration,
        fingerprints,
        tasks: context.tasks.clone(),
        reserved: config.reserved(),
        missing_procfile: config.reject_if_procfile_missing.into(),
        builder_key: config.builder_key()?,
    };
    let listener = context.bind(config.rest_listen).await?;
    port.release();
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "this controller runs by itself; the first to register is its administrator");
    }
    serve_rest(listener, &context, workflow).await;
    sql.close().await;
    Ok(())
}

/// Two controllers with two ledgers would undo each other's work.
async fn refuse_platform(client: &Client) -> Result<(), StartError> {
    let services = Api::<Service>::all(client.clone());
    let selection = ListParams::default().labels(&format!("app={STATE},app.kubernetes.io/part-of=deis"));
    let found = services.list(&selection).await.map_err(StartError::Cluster)?;
    match found.items.first() {
        Some(service) => {
            Err(StartError::PlatformRuns { namespace: service.namespace().unwrap_or_default(), service: STATE })
        }
        None => Ok(()),
    }
}
