//! The platform's own workloads: the controller stands still while the ledger is put in its place, and all services start anew under
//! other certificates.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use kube::runtime::conditions::is_deleted;
use kube::runtime::wait::await_condition;
use kube::{Api, Client, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cluster::KubeError;
use crate::components::{COMPONENTS, Component, PEERS};
use crate::deadline::within;
use crate::doctor;
use crate::init::Settings;
use crate::rollout::{self, ChangeError};

const CONTROLLER: &str = "deis-workflow";
/// Annotation: how many controllers there were before they were stopped. A restore that was killed leaves it behind.
const STOPPED: &str = "deis.io/replicas-before-restore";

/// How long the operator waits for one thing.
pub(crate) const LIMIT: Duration = Duration::from_secs(600);
/// How long it is tried to start the controller again while the cluster does not take that.
const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkloadError {
    #[error("cannot read {0}")]
    Read(String, #[source] KubeError),
    #[error("cannot change {0}")]
    Write(String, #[source] KubeError),
    #[error("lost sight of {0} while waiting for it")]
    Wait(String, #[source] kube::runtime::wait::Error),
    #[error("{0} has not ended within {limit} s", limit = .1.as_secs())]
    Stays(String, Duration),
    #[error("{0} is not ready within {limit} s; it goes on starting", limit = .1.as_secs())]
    NotReady(String, Duration),
    #[error("{CONTROLLER} is not in namespace {0}: the platform is not installed there")]
    NotInstalled(String),
    #[error("the router does not say what the platform's domain is")]
    NoDomain,
}

/// The platform's workloads in one namespace.
pub(crate) struct Workloads {
    client: Client,
    namespace: String,
    limit: Duration,
}

impl Workloads {
    pub(crate) fn new(client: Client, namespace: &str) -> Self {
        Self { client, namespace: namespace.to_owned(), limit: LIMIT }
    }

    /// What the Secrets depend on, as the installed chart has it.
    pub(crate) async fn settings(&self) -> Result<Settings, WorkloadError> {
        let name = "deis-router";
        let router = self.api::<Deployment>().get_opt(name).await;
        let router = router.map_err(|error| WorkloadError::Read(name.to_owned(), error.into()))?;
        let router = router.ok_or_else(|| WorkloadError::NotInstalled(self.namespace.clone()))?;
        let domain = doctor::domain(&router).ok_or(WorkloadError::NoDomain)?;
        Ok(Settings { namespace: self.namespace.clone(), domain })
    }

    /// Stops all controllers: nothing writes to the ledger and nobody can push.
    pub(crate) async fn stop_controller(&self) -> Result<(), WorkloadError> {
        let replicas = self.replicas().await?;
        let patch =
            json!({ "metadata": { "annotations": { STOPPED: replicas.to_string() } }, "spec": { "replicas": 0 } });
        self.patch::<Deployment>(CONTROLLER, &patch).await?;
        let pods = self.api::<Pod>();
        let found = pods.list(&ListParams::default().labels(&format!("app={CONTROLLER}"))).await;
        let found = found.map_err(|error| WorkloadError::Read("the controller's pods".to_owned(), error.into()))?;
        let ends = found.into_iter().map(async |pod| {
            let (pod, uid) = (pod.name_any(), pod.uid().unwrap_or_default());
            let gone = within(self.limit, await_condition(pods.clone(), &pod, is_deleted(&uid))).await;
            let gone = gone.ok_or_else(|| WorkloadError::Stays(format!("pod {pod}"), self.limit))?;
            gone.map_err(|error| WorkloadError::Wait(format!("pod {pod}"), error)).map(drop)
        });
        try_join_all(ends).await?;
        Ok(())
    }

    /// Starts as many as there were; tries that for a while.
    pub(crate) async fn start_controller(&self) -> Result<(), WorkloadError> {
        let start = async || {
            let replicas = self.replicas().await?;
            let patch = json!({ "metadata": { "annotations": { STOPPED: null } }, "spec": { "replicas": replicas } });
            self.patch::<Deployment>(CONTROLLER, &patch).await
        };
        let pauses = ExponentialBuilder::default().with_min_delay(FIRST_PAUSE).with_max_delay(LONGEST_PAUSE);
        start.retry(pauses.without_max_times().with_total_delay(Some(PATIENCE))).await
    }

    /// Waits until all controllers are ready.
    pub(crate) async fn controller_is_up(&self) -> Result<(), WorkloadError> {
        let controller = COMPONENTS.iter().find(|component| component.object_name() == CONTROLLER);
        self.are_up(controller.into_iter()).await
    }

    /// Starts all others that have a certificate anew: every one of them, even when that fails with one.
    pub(crate) async fn restart_others(&self) -> Result<(), ChangeError> {
        let now = Timestamp::now();
        let mut restarted = Ok(());
        for component in others() {
            let one = rollout::restart(&self.client, &self.namespace, component, now).await;
            restarted = restarted.and(one);
        }
        restarted
    }

    /// Waits until all others are ready.
    pub(crate) async fn others_are_up(&self) -> Result<(), WorkloadError> {
        self.are_up(others()).await
    }

    async fn are_up(&self, components: impl Iterator<Item = &'static Component>) -> Result<(), WorkloadError> {
        let waits = components.map(async |component| {
            let name = component.object_name();
            let settled = within(self.limit, rollout::settled(&self.client, &self.namespace, component)).await;
            let settled = settled.ok_or_else(|| WorkloadError::NotReady(name.clone(), self.limit))?;
            settled.map_err(|error| WorkloadError::Wait(name, error))
        });
        try_join_all(waits).await?;
        Ok(())
    }

    /// How many controllers there are to be: what they are told, unless a restore has stopped them.
    async fn replicas(&self) -> Result<i32, WorkloadError> {
        let found = self.api::<Deployment>().get_opt(CONTROLLER).await;
        let found = found.map_err(|error| WorkloadError::Read(CONTROLLER.to_owned(), error.into()))?;
        let found = found.ok_or_else(|| WorkloadError::NotInstalled(self.namespace.clone()))?;
        let before = found.annotations().get(STOPPED).and_then(|text| text.parse().ok());
        let wanted = found.spec.and_then(|spec| spec.replicas).unwrap_or(1);
        Ok(if wanted == 0 { before.unwrap_or(0) } else { wanted })
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    #[expect(clippy::disallowed_methods, reason = "the operator's own change; no deploy holds a fence on the platform")]
    async fn patch<K>(&self, name: &str, patch: &Value) -> Result<(), WorkloadError>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let patched = self.api::<K>().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.map_err(|error| WorkloadError::Write(name.to_owned(), error.into()))?;
        Ok(())
    }
}

/// All but the controller that have a certificate.
fn others() -> impl Iterator<Item = &'static Component> {
    let has_certificate = |component: &&Component| PEERS.iter().any(|peer| peer.name == component.name);
    COMPONENTS.iter().filter(has_certificate).filter(|component| component.object_name() != CONTROLLER)
}

#[cfg(test)]
mod tests;
