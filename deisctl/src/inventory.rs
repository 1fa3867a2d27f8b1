//! What Kubernetes says of the components: their workloads and pods.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use serde::Serialize;

use crate::cluster::KubeError;
use crate::components::{Component, Workload};

/// A component as it stands.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Standing<P> {
    pub(crate) component: &'static str,
    pub(crate) kind: Workload,
    /// `None` when it is not installed.
    pub(crate) workload: Option<Counts>,
    pub(crate) pods: Vec<P>,
}

/// A workload's pods in figures.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Counts {
    pub(crate) wanted: i32,
    pub(crate) ready: i32,
    pub(crate) image: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct PodStanding {
    pub(crate) name: String,
    /// As `deis ps` shows it: `up`, `starting`, `CrashLoopBackOff`, …
    pub(crate) state: String,
    pub(crate) ready: bool,
    pub(crate) restarts: i32,
    pub(crate) node: Option<String>,
    pub(crate) created: Option<Timestamp>,
}

impl PodStanding {
    /// It ends what it serves, may be silent, and is missed by nobody.
    pub(crate) fn is_leaving(&self) -> bool {
        self.state == "terminating"
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot look at component {component}")]
pub(crate) struct InventoryError {
    component: &'static str,
    #[source]
    source: KubeError,
}

impl<P> Standing<P> {
    /// As many pods as wanted are ready, and there is something to want.
    pub(crate) fn is_up(&self) -> bool {
        self.workload.as_ref().is_some_and(|counts| counts.ready >= counts.wanted && counts.wanted > 0)
    }

    /// `2/2`.
    pub(crate) fn ready(&self) -> String {
        self.workload.as_ref().map_or_else(|| "-".to_owned(), |counts| format!("{}/{}", counts.ready, counts.wanted))
    }

    pub(crate) fn image(&self) -> &str {
        self.workload.as_ref().map_or("not installed", |counts| &counts.image)
    }
}

impl Standing<PodStanding> {
    /// One that can be worked with. Which one it is stays the same while it can be.
    pub(crate) fn ready_pod(&self) -> Option<&PodStanding> {
        self.pods.iter().find(|pod| pod.ready && !pod.is_leaving())
    }
}

/// Looks at one component.
pub(crate) async fn look(
    client: &Client,
    namespace: &str,
    component: &Component,
) -> Result<Standing<PodStanding>, InventoryError> {
    let name = component.object_name();
    let failed = |error: kube::Error| InventoryError { component: component.name, source: error.into() };
    let workload = match component.workload {
        Workload::Deployment => {
            let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
            api.get_opt(&name).await.map_err(failed)?.map(|object| deployment(&object))
        }
        Workload::StatefulSet => {
            let api: Api<StatefulSet> = Api::namespaced(client.clone(), namespace);
            api.get_opt(&name).await.map_err(failed)?.map(|object| stateful_set(&object))
        }
        Workload::DaemonSet => {
            let api: Api<DaemonSet> = Api::namespaced(client.clone(), namespace);
            api.get_opt(&name).await.map_err(failed)?.map(|object| daemon_set(&object))
        }
    };
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let mut pods: Vec<_> = pods
        .list(&ListParams::default().labels(&format!("app={name},heritage=deis")))
        .await
        .map_err(failed)?
        .iter()
        .map(pod)
        .collect();
    pods.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Standing { component: component.name, kind: component.workload, workload, pods })
}

fn deployment(object: &Deployment) -> Counts {
    let (spec, status) = (object.spec.as_ref(), object.status.as_ref());
    Counts {
        wanted: spec.and_then(|spec| spec.replicas).unwrap_or(1),
        ready: status.and_then(|status| status.ready_replicas).unwrap_or(0),
        image: spec.map(|spec| image(&spec.template)).unwrap_or_default(),
    }
}

fn stateful_set(object: &StatefulSet) -> Counts {
    let (spec, status) = (object.spec.as_ref(), object.status.as_ref());
    Counts {
        wanted: spec.and_then(|spec| spec.replicas).unwrap_or(1),
        ready: status.and_then(|status| status.ready_replicas).unwrap_or(0),
        image: spec.map(|spec| image(&spec.template)).unwrap_or_default(),
    }
}

fn daemon_set(object: &DaemonSet) -> Counts {
    let status = object.status.as_ref();
    Counts {
        wanted: status.map_or(0, |status| status.desired_number_scheduled),
        ready: status.map_or(0, |status| status.number_ready),
        image: object.spec.as_ref().map(|spec| image(&spec.template)).unwrap_or_default(),
    }
}

/// Of the first container; the components have no other.
fn image(template: &PodTemplateSpec) -> String {
    let container = template.spec.as_ref().and_then(|spec| spec.containers.first());
    container.and_then(|container| container.image.clone()).unwrap_or_default()
}

fn pod(pod: &Pod) -> PodStanding {
    PodStanding {
        name: pod.name_any(),
        state: deis_kube::pod_state::of(pod),
        ready: deis_kube::pod_state::is_ready(pod),
        restarts: deis_kube::pod_state::container(pod).map_or(0, |container| container.restart_count),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        created: pod.metadata.creation_timestamp.as_ref().map(|Time(time)| *time),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn standing(workload: Option<Counts>) -> Standing<PodStanding> {
        Standing { component: "router", kind: Workload::Deployment, workload, pods: Vec::new() }
    }

    #[test]
    fn a_deployment_is_up_when_all_its_pods_are_ready() {
        let object = |ready: i32| {
            from_value(json!({
                "spec": {
                    "replicas": 2,
                    "selector": {},
                    "template": { "spec": { "containers": [{ "name": "router", "image": "deis.local/deis/router:0.1.0" }] } },
                },
                "status": { "readyReplicas": ready },
            }))
            .unwrap()
        };
        let counts = deployment(&object(1));
        assert_eq!(counts, Counts { wanted: 2, ready: 1, image: "deis.local/deis/router:0.1.0".to_owned() });
        assert!(!standing(Some(counts)).is_up());
        assert!(standing(Some(deployment(&object(2)))).is_up());
    }

    #[test]
    fn a_daemon_set_that_no_node_takes_is_not_up() {
        let object: DaemonSet = from_value(json!({
            "spec": { "selector": {}, "template": { "spec": { "containers": [] } } },
            "status": { "currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0 },
        }))
        .unwrap();
        assert!(!standing(Some(daemon_set(&object))).is_up());
    }

    #[test]
    fn nobody_works_with_a_pod_that_leaves() {
        let of = |name: &str, ready: &str, deleted: Option<&str>| {
            let conditions = json!([{ "type": "Ready", "status": ready }]);
            let metadata = json!({ "name": name, "deletionTimestamp": deleted });
            pod(&from_value(
                json!({ "metadata": metadata, "status": { "phase": "Running", "conditions": conditions } }),
            )
            .unwrap())
        };
        let leaving = of("a", "True", Some("2026-11-28T12:00:00Z"));
        let mut found = Standing { pods: vec![leaving, of("b", "False", None)], ..standing(None) };
        assert!(found.pods.first().is_some_and(|pod| pod.ready));
        assert!(found.ready_pod().is_none());
        found.pods.push(of("c", "True", None));
        assert_eq!(found.ready_pod().map(|pod| pod.name.as_str()), Some("c"));
    }

    #[test]
    fn what_is_not_installed_is_not_up() {
        let standing = standing(None);
        assert!(!standing.is_up());
        assert_eq!((standing.ready().as_str(), standing.image()), ("-", "not installed"));
    }
}
