//! Adapters: decode, call, encode.

pub mod grpc;
pub mod rest;

use std::sync::Arc;

use deis_bootstrap::Tasks;
use tokio::sync::watch;

use crate::accounts::{Passwords, RegistrationMode};
use crate::apps::ReservedNames;
use crate::builds::Builder;
use crate::deploy::{Cluster, Deployer, PodList};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::logs::Logs;

/// What handlers that change something work with.
#[derive(Clone)]
pub struct Workflow {
    /// History and intent.
    pub ledger: Arc<dyn Ledger>,
    /// Where apps get their namespaces.
    pub cluster: Arc<dyn Cluster>,
    /// What runs.
    pub pods: Arc<dyn PodList>,
    /// What apps print and what happened to them.
    pub logs: Logs,
    /// Builds.
    pub builder: Arc<dyn Builder>,
    /// Brings releases to life.
    pub deployer: Deployer,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// Who may register now.
    pub registration: watch::Receiver<RegistrationMode>,
    /// Names that no app may have.
    pub reserved: ReservedNames,
    /// Where work runs that does not end with the request that asked for it.
    pub tasks: Tasks,
}

impl Workflow {
    /// Does something to its end although the client may go away meanwhile.
    ///
    /// # Errors
    /// What the work says; [`Error::Internal`] when it did not come to its end.
    pub async fn to_the_end<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.tasks.spawn(name, work).await.map_err(|error| Error::Internal(error.into()))?
    }
}

/// What handlers that only read work with: nothing that could call Kubernetes.
#[derive(Clone)]
pub struct Reading {
    /// History and intent.
    pub ledger: Arc<dyn Ledger>,
    /// What runs, as the watches know it.
    pub pods: Arc<dyn PodList>,
}

impl axum::extract::FromRef<Workflow> for Reading {
    fn from_ref(workflow: &Workflow) -> Self {
        Self { ledger: Arc::clone(&workflow.ledger), pods: Arc::clone(&workflow.pods) }
    }
}
