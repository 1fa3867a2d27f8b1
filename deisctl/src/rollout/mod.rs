//! Changes of a component's workload, and the wait until they are through.

mod follow;
mod settle;
mod stage;

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Resource};
use serde_json::{Value, json};

pub(crate) use self::follow::follow;
pub(crate) use self::settle::settled;
pub(crate) use self::stage::{Rolls, Stage, stage};
use crate::cluster::KubeError;
use crate::components::{Component, Workload};

/// The name under which Kubernetes keeps what the operator changed.
pub(crate) const MANAGER: &str = "deisctl";
/// Kubernetes' own mark on a pod template: another value makes another template, and so new pods.
pub(crate) const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} component {component}")]
pub(crate) struct ChangeError {
    verb: &'static str,
    component: &'static str,
    #[source]
    source: KubeError,
}

/// Sets how many pods a component has. Only what the chart runs as a Deployment can be scaled.
#[expect(
    clippy::disallowed_methods,
    reason = "the operator's own change of the platform; no deploy holds a fence on it"
)]
pub(crate) async fn scale(
    client: &Client,
    namespace: &str,
    component: &Component,
    replicas: u16,
) -> Result<(), ChangeError> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
    let scaled = api.patch_scale(&component.object_name(), &params(), &patch).await;
    scaled.map_err(|error| failed("scale", component, error))?;
    Ok(())
}

/// Has every pod of a component replaced, the way `kubectl rollout restart` does.
pub(crate) async fn restart(
    client: &Client,
    namespace: &str,
    component: &Component,
    now: Timestamp,
) -> Result<(), ChangeError> {
    let patch = json!({ "spec": { "template": { "metadata": { "annotations": { RESTARTED_AT: now.to_string() } } } } });
    let done = match component.workload {
        Workload::Deployment => write::<Deployment>(client, namespace, component, patch).await,
        Workload::StatefulSet => write::<StatefulSet>(client, namespace, component, patch).await,
        Workload::DaemonSet => write::<DaemonSet>(client, namespace, component, patch).await,
    };
    done.map_err(|error| failed("restart", component, error))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the operator's own change of the platform; no deploy holds a fence on it"
)]
async fn write<K>(client: &Client, namespace: &str, component: &Component, patch: Value) -> kube::Result<()>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    api.patch(&component.object_name(), &params(), &Patch::Merge(patch)).await?;
    Ok(())
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() }
}

fn failed(verb: &'static str, component: &Component, error: kube::Error) -> ChangeError {
    ChangeError { verb, component: component.name, source: error.into() }
}
