//! The platform's own workloads: the controller stands still while the ledger is put in its place, and all services start anew under
//! other certificates.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use kube::runtime::conditions::is_deleted;
use kube::runtime::wait::await_condition;
use kube::{Api, Client, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cluster::KubeError;
use crate::components::{COMPONENTS, Component, PEERS, Workload};
use crate::doctor;
use crate::init::Settings;
use crate::rollout::RESTARTED_AT;

const CONTROLLER: &str = "deis-workflow";
/// Annotation: how many controllers there were before they were stopped. A restore that was killed leaves it behind.
const STOPPED: &str = "deis.io/replicas-before-restore";

#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkloadError {
    #[error("cannot read {0}")]
    Read(String, #[source] KubeError),
    #[error("cannot change {0}")]
    Write(String, #[source] KubeError),
    #[error("lost sight of {0} while waiting for it")]
    Wait(String, #[source] kube::runtime::wait::Error),
    #[error("{CONTROLLER} is not in namespace {0}: the platform is not installed there")]
    NotInstalled(String),
    #[error("the router does not say what the platform's domain is")]
    NoDomain,
}

/// The platform's workloads in one namespace.
pub(crate) struct Workloads {
    client: Client,
    namespace: String,
}

impl Workloads {
    pub(crate) fn new(client: Client, namespace: &str) -> Self {
        Self { client, namespace: namespace.to_owned() }
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
        for pod in found {
            let (name, uid) = (pod.name_any(), pod.uid().unwrap_or_default());
            let gone = await_condition(pods.clone(), &name, is_deleted(&uid)).await;
            gone.map_err(|error| WorkloadError::Wait(format!("pod {name}"), error))?;
        }
        Ok(())
    }

    /// Starts as many as there were.
    pub(crate) async fn start_controller(&self) -> Result<(), WorkloadError> {
        let replicas = self.replicas().await?;
        let patch = json!({ "metadata": { "annotations": { STOPPED: null } }, "spec": { "replicas": replicas } });
        self.patch::<Deployment>(CONTROLLER, &patch).await
    }

    /// Waits until all controllers are ready.
    pub(crate) async fn controller_is_up(&self) -> Result<(), WorkloadError> {
        self.wait(CONTROLLER, |found: &Deployment| deployment_is_up(found)).await
    }

    /// Starts all others that have a certificate anew, and waits until they are ready.
    pub(crate) async fn restart_others(&self) -> Result<(), WorkloadError> {
        let has_certificate = |component: &&Component| PEERS.iter().any(|peer| peer.name == component.name);
        let others = COMPONENTS.iter().filter(has_certificate).map(|component| (component.object_name(), component));
        let others = others.filter(|(name, _)| name != CONTROLLER).collect::<Vec<_>>();
        let annotation = json!({ RESTARTED_AT: Timestamp::now().to_string() });
        let patch = json!({ "spec": { "template": { "metadata": { "annotations": annotation } } } });
        for (name, component) in &others {
            match component.workload {
                Workload::Deployment => self.patch::<Deployment>(name, &patch).await?,
                Workload::StatefulSet => self.patch::<StatefulSet>(name, &patch).await?,
                Workload::DaemonSet => self.patch::<DaemonSet>(name, &patch).await?,
            }
        }
        for (name, component) in &others {
            match component.workload {
                Workload::Deployment => self.wait(name, |found: &Deployment| deployment_is_up(found)).await?,
                Workload::StatefulSet => self.wait(name, |found: &StatefulSet| stateful_set_is_up(found)).await?,
                Workload::DaemonSet => self.wait(name, |found: &DaemonSet| daemon_set_is_up(found)).await?,
            }
        }
        Ok(())
    }

    /// How many controllers there are to be.
    async fn replicas(&self) -> Result<i32, WorkloadError> {
        let found = self.api::<Deployment>().get_opt(CONTROLLER).await;
        let found = found.map_err(|error| WorkloadError::Read(CONTROLLER.to_owned(), error.into()))?;
        let found = found.ok_or_else(|| WorkloadError::NotInstalled(self.namespace.clone()))?;
        let before = found.annotations().get(STOPPED).and_then(|text| text.parse().ok());
        Ok(before.or_else(|| found.spec?.replicas).unwrap_or(1))
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

    async fn wait<K>(&self, name: &str, is_up: impl Fn(&K) -> bool) -> Result<(), WorkloadError>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug
            + Send
            + 'static,
    {
        let condition = |found: Option<&K>| found.is_some_and(&is_up);
        let waited = await_condition(self.api::<K>(), name, condition).await;
        waited.map_err(|error| WorkloadError::Wait(name.to_owned(), error))?;
        Ok(())
    }
}

/// Seen by its controller, all pods of the newest template, none of an older one, all ready.
fn deployment_is_up(found: &Deployment) -> bool {
    let wanted = found.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    found.status.as_ref().is_some_and(|status| {
        status.observed_generation >= found.metadata.generation
            && status.updated_replicas.unwrap_or(0) == wanted
            && status.replicas.unwrap_or(0) == wanted
            && status.available_replicas.unwrap_or(0) == wanted
    })
}

fn stateful_set_is_up(found: &StatefulSet) -> bool {
    let wanted = found.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    found.status.as_ref().is_some_and(|status| {
        status.observed_generation >= found.metadata.generation
            && status.updated_replicas.unwrap_or(0) == wanted
            && status.ready_replicas.unwrap_or(0) == wanted
    })
}

fn daemon_set_is_up(found: &DaemonSet) -> bool {
    found.status.as_ref().is_some_and(|status| {
        let wanted = status.desired_number_scheduled;
        status.observed_generation >= found.metadata.generation
            && status.updated_number_scheduled.unwrap_or(0) == wanted
            && status.number_ready == wanted
    })
}

#[cfg(test)]
mod tests {
    use serde_json::from_value;

    use super::*;

    #[test]
    fn what_is_still_rolling_is_not_up() {
        let deployment = |generation: i64, updated: i32, replicas: i32, available: i32| {
            let status = json!({ "observedGeneration": 2, "updatedReplicas": updated, "replicas": replicas, "availableReplicas": available });
            let found = json!({ "metadata": { "generation": generation }, "spec": { "replicas": 2, "selector": {}, "template": {} }, "status": status });
            deployment_is_up(&from_value(found).unwrap())
        };
        assert!(deployment(2, 2, 2, 2));
        assert!(!deployment(3, 2, 2, 2), "not seen yet");
        assert!(!deployment(2, 1, 2, 2), "one is old");
        assert!(!deployment(2, 2, 3, 2), "an old one is left");
        assert!(!deployment(2, 2, 2, 1), "one is not ready");
    }
}
