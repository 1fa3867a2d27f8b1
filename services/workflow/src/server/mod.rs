//! Adapters: decode, call, encode.

pub mod connections;
pub mod grpc;
pub mod rest;

use std::sync::Arc;

use deis_api::AppName;
use deis_bootstrap::Tasks;
use tokio::sync::watch;

use crate::accounts::{BuilderKey, Passwords, RegistrationMode};
use crate::acting::Acting;
use crate::apps::ReservedNames;
use crate::builds::Builder;
use crate::deploy::{Cluster, Deployer, PodList, Routers};
use crate::error::Error;
use crate::ledger::{Ledger, Released};
use crate::logs::Logs;
use crate::releases::{self, MissingProcfile};
use crate::runs::Runs;

/// What handlers that change something work with.
#[derive(Clone)]
pub struct Workflow {
    /// History and intent.
    pub ledger: Arc<dyn Ledger>,
    /// Where apps get their namespaces.
    pub cluster: Arc<dyn Cluster>,
    /// What runs.
    pub pods: Arc<dyn PodList>,
    /// Who serves.
    pub routers: Arc<dyn Routers>,
    /// What apps print and what happened to them.
    pub logs: Logs,
    /// Builds.
    pub builder: Arc<dyn Builder>,
    /// Brings releases to life.
    pub deployer: Deployer,
    /// Commands that users run once.
    pub runs: Runs,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// Who may register now.
    pub registration: watch::Receiver<RegistrationMode>,
    /// Names that no app may have.
    pub reserved: ReservedNames,
    /// Whether a build may go without a Procfile where the one before had one.
    pub missing_procfile: MissingProcfile,
    /// What a builder outside of the platform shows; without it there are no paths for one.
    pub builder_key: Option<BuilderKey>,
    /// Tells requests with a key from one another.
    pub fingerprints: rest::Fingerprints,
    /// Where work runs that does not end with the request that asked for it.
    pub tasks: Tasks,
}

impl Workflow {
    /// Has something recorded and brings it about, to the end although the client may go away meanwhile. Answers when it has come about,
    /// or already when it is recorded.
    ///
    /// # Errors
    /// What the two steps say; [`Error::Internal`] when they did not come to their end.
    pub async fn change<T, F>(
        &self,
        name: &'static str,
        wait: Wait,
        record: impl Future<Output = Result<T, Error>> + Send + 'static,
        bring_about: impl FnOnce(Self, T) -> F + Send + 'static,
    ) -> Result<T, Error>
    where
        T: Clone + Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let work = self.clone();
        let change = async move {
            let recorded = record.await?;
            let coming_about = bring_about(work.clone(), recorded.clone());
            if wait == Wait::ToTheEnd {
                return coming_about.await;
            }
            let coming_about = Acting::current().scope(coming_about);
            drop(work.tasks.spawn(name, async move {
                if let Err(error) = coming_about.await {
                    tracing::info!(%error, code = %error.code(), "{name}: it did not come about, and nobody waits for it");
                }
            }));
            Ok(recorded)
        };
        self.to_the_end(name, change).await
    }

    /// Has a release recorded and deployed: as [`change`](Self::change).
    ///
    /// # Errors
    /// What `record` and [`releases::deployed`] say.
    pub async fn release(
        &self,
        name: &'static str,
        wait: Wait,
        app: &AppName,
        record: impl Future<Output = Result<Released, Error>> + Send + 'static,
    ) -> Result<Released, Error> {
        let app = app.clone();
        let deploy =
            async move |work: Self, released| releases::deployed(work.ledger, &work.deployer, &app, released).await;
        self.change(name, wait, record, deploy).await
    }

    /// Does something to its end although the client may go away meanwhile.
    ///
    /// # Errors
    /// What the work says; [`Error::Internal`] when it did not come to its end.
    pub async fn to_the_end<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.tasks.spawn(name, Acting::current().scope(work)).await.map_err(|error| Error::Internal(error.into()))?
    }
}

/// How long a client waits for its change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Until it has come about.
    ToTheEnd,
    /// Until it is recorded, and so comes about.
    UntilRecorded,
}

/// What handlers that only read work with: nothing that could call Kubernetes.
#[derive(Clone)]
pub struct Reading {
    /// History and intent.
    pub ledger: Arc<dyn Ledger>,
    /// What runs, as the watches know it.
    pub pods: Arc<dyn PodList>,
    /// Who serves.
    pub routers: Arc<dyn Routers>,
}

impl axum::extract::FromRef<Workflow> for Reading {
    fn from_ref(workflow: &Workflow) -> Self {
        let Workflow { ledger, pods, routers, .. } = workflow;
        Self { ledger: Arc::clone(ledger), pods: Arc::clone(pods), routers: Arc::clone(routers) }
    }
}
