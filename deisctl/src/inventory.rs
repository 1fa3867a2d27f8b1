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
use crate::rollout::{Rolls, Stage, stage};

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
    /// What its newest change waits for, or why it does not get there; `None` when all pods are of it.
    pub(crate) rollout: Option<String>,
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
    /// It can be worked with.
    pub(crate) fn serves(&self) -> bool {
        self.ready && !self.is_leaving()
    }

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
    /// As many pods as wanted are ready, all are of the newest change, and there is something to want.
    pub(crate) fn is_up(&self) -> bool {
        self.serves() && self.rollout().is_none()
    }

    /// As many pods as wanted are ready, though they may be of the change before.
    pub(crate) fn serves(&self) -> bool {
        self.workload.as_ref().is_some_and(|counts| counts.ready >= counts.wanted && counts.wanted > 0)
    }

    pub(crate) fn rollout(&self) -> Option<&str> {
        self.workload.as_ref()?.rollout.as_deref()
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
        self.pods.iter().find(|pod| pod.serves())
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
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let ours = ListParams::default().labels(&component.selector());
    let pods = pods.list(&ours).await.map_err(failed)?.items;
    let workload = match component.workload {
        Workload::Deployment => counts::<Deployment>(client, namespace, &name, &pods).await,
        Workload::StatefulSet => counts::<StatefulSet>(client, namespace, &name, &pods).await,
        Workload::DaemonSet => counts::<DaemonSet>(client, namespace, &name, &pods).await,
    };
    let workload = workload.map_err(failed)?;
    let mut pods = pods.iter().map(pod).collect::<Vec<_>>();
    pods.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Standing { component: component.name, kind: component.workload, workload, pods })
}

async fn counts<K: Rolls>(client: &Client, namespace: &str, name: &str, pods: &[Pod]) -> kube::Result<Option<Counts>> {
    let workloads: Api<K> = Api::namespaced(client.clone(), namespace);
    Ok(workloads.get_opt(name).await?.map(|workload| count(&workload, pods)))
}

fn count(workload: &impl Rolls, pods: &[Pod]) -> Counts {
    let figures = workload.figures();
    // Those that leave are missed by nobody.
    let staying = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).cloned().collect::<Vec<_>>();
    let rollout = match stage(&figures, &staying) {
        Stage::Done => None,
        Stage::Waiting(what) => Some(what),
        Stage::Stuck(why) => Some(format!("stuck: {why}")),
    };
    let image = workload.template().map(image).unwrap_or_default();
    Counts { wanted: figures.wanted, ready: figures.ready, image, rollout }
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
    use serde_json::{Value, from_value, json};

    use super::*;

    fn standing(workload: Option<Counts>) -> Standing<PodStanding> {
        Standing { component: "router", kind: Workload::Deployment, workload, pods: Vec::new() }
    }

    /// What `kubectl rollout status` goes by, field by field.
    #[test]
    fn a_deployment_is_up_when_all_its_pods_are_ready_and_of_the_newest_change() {
        let counts = |change: Value| {
            let mut status = json!({ "observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2,
                                     "availableReplicas": 2 });
            status.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let containers = json!([{ "name": "router", "image": "deis.local/deis/router:0.1.0" }]);
            let spec = json!({ "replicas": 2, "selector": {}, "template": { "spec": { "containers": containers } } });
            let object = json!({ "metadata": { "generation": 3 }, "spec": spec, "status": status });
            count(&from_value::<Deployment>(object).unwrap(), &[])
        };
        let whole = counts(json!({}));
        let image = "deis.local/deis/router:0.1.0".to_owned();
        assert_eq!(whole, Counts { wanted: 2, ready: 2, image, rollout: None });
        assert!(standing(Some(whole)).is_up());

        let ended = |change: Value| {
            let standing = standing(Some(counts(change)));
            assert!(!standing.is_up());
            (standing.serves(), standing.rollout().unwrap().to_owned())
        };
        let unready = json!({ "readyReplicas": 1, "availableReplicas": 1 });
        assert_eq!(ended(unready), (false, "1 of 2 pods are ready".to_owned()));
        let unseen = (true, "its controller has not seen the change yet".to_owned());
        assert_eq!(ended(json!({ "observedGeneration": 2 })), unseen);
        assert_eq!(ended(json!({ "updatedReplicas": 1 })), (true, "1 of 2 pods are new".to_owned()));
        assert_eq!(ended(json!({ "availableReplicas": 1 })), (true, "1 of 2 pods are ready".to_owned()));
        assert_eq!(ended(json!({ "replicas": 3 })), (true, "1 pod too many, to be ended".to_owned()));
        let late = json!([{ "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                            "message": "ReplicaSet \"deis-router-b\" has timed out progressing." }]);
        let stuck = "stuck: ReplicaSet \"deis-router-b\" has timed out progressing.".to_owned();
        assert_eq!(ended(json!({ "updatedReplicas": 1, "conditions": late })), (true, stuck));
    }

    #[test]
    fn a_daemon_set_that_no_node_takes_is_not_up() {
        let object: DaemonSet = from_value(json!({
            "metadata": {},
            "spec": { "selector": {}, "template": { "spec": { "containers": [] } } },
            "status": { "currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0 },
        }))
        .unwrap();
        assert!(!standing(Some(count(&object, &[]))).is_up());
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
