//! How far a change of a workload is, out of what its controller reports and of its pods.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::words::count;

/// How far it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// All pods are as wanted and ready, and none is on its way out.
    Done,
    /// What is being waited for.
    Waiting(String),
    /// Its controller has given up, and why.
    Stuck(String),
}

/// What the three kinds of workload report alike: what `kubectl rollout status` goes by.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Figures {
    /// The controller has seen the newest change.
    observed: bool,
    pub(crate) wanted: i32,
    /// Pods of the newest template.
    updated: i32,
    /// All that are not on their way out.
    total: i32,
    /// Whatever their template.
    pub(crate) ready: i32,
    available: i32,
    /// Why the controller has given up.
    given_up: Option<String>,
}

/// A workload that brings its pods to a new template, and can be watched.
pub(crate) trait Rolls:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static
{
    fn figures(&self) -> Figures;
    /// What its pods are to be.
    fn template(&self) -> Option<&PodTemplateSpec>;
}

impl Rolls for Deployment {
    fn figures(&self) -> Figures {
        let status = self.status.clone().unwrap_or_default();
        let stuck = status.conditions.iter().flatten().find(|it| {
            it.type_ == "Progressing"
                && it.status == "False"
                && it.reason.as_deref() == Some("ProgressDeadlineExceeded")
        });
        Figures {
            observed: observed(self.metadata.generation, status.observed_generation),
            wanted: self.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            updated: status.updated_replicas.unwrap_or(0),
            total: status.replicas.unwrap_or(0),
            ready: status.ready_replicas.unwrap_or(0),
            available: status.available_replicas.unwrap_or(0),
            given_up: stuck.map(|it| it.message.clone().unwrap_or_default()),
        }
    }

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref().map(|spec| &spec.template)
    }
}

impl Rolls for StatefulSet {
    fn figures(&self) -> Figures {
        let status = self.status.clone().unwrap_or_default();
        // Between changes both revisions are one, and nothing counts as updated.
        let settled = status.update_revision == status.current_revision;
        Figures {
            observed: observed(self.metadata.generation, status.observed_generation),
            wanted: self.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
            updated: if settled { status.replicas } else { status.updated_replicas.unwrap_or(0) },
            total: status.replicas,
            ready: status.ready_replicas.unwrap_or(0),
            available: status.available_replicas.unwrap_or(0),
            given_up: None,
        }
    }

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref().map(|spec| &spec.template)
    }
}

impl Rolls for DaemonSet {
    fn figures(&self) -> Figures {
        let status = self.status.clone().unwrap_or_default();
        let updated = status.updated_number_scheduled.unwrap_or(0);
        Figures {
            observed: observed(self.metadata.generation, status.observed_generation),
            wanted: status.desired_number_scheduled,
            updated,
            // It takes each node's old pod away before it makes the new one.
            total: updated.max(status.desired_number_scheduled),
            ready: status.number_ready,
            available: status.number_available.unwrap_or(0),
            given_up: None,
        }
    }

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref().map(|spec| &spec.template)
    }
}

fn observed(generation: Option<i64>, observed: Option<i64>) -> bool {
    observed.unwrap_or(0) >= generation.unwrap_or(0)
}

/// Seconds that a pod may have to end when its end is waited for.
const LONGEST_END: i64 = 60;

/// How far a workload with these pods is.
pub(crate) fn stage(figures: &Figures, pods: &[Pod]) -> Stage {
    let Figures { observed, wanted, updated, total, available, given_up, .. } = figures;
    if !observed {
        return Stage::Waiting("its controller has not seen the change yet".to_owned());
    }
    if let Some(why) = given_up {
        return Stage::Stuck(format!("{why}{}", trouble(pods)));
    }
    if updated < wanted {
        return Stage::Waiting(format!("{updated} of {wanted} pods are new{}", trouble(pods)));
    }
    if available < wanted {
        return Stage::Waiting(format!("{available} of {wanted} pods are ready{}", trouble(pods)));
    }
    if total > wanted {
        return Stage::Waiting(format!("{} too many, to be ended", count(total - wanted, "pod")));
    }
    let ending = pods.iter().filter(|pod| ends_soon(pod)).map(|pod| pod.name_any());
    match ending.collect::<Vec<_>>().as_slice() {
        [] => Stage::Done,
        [name] => Stage::Waiting(format!("{name} ends what it serves")),
        names => Stage::Waiting(format!("{} pods end what they serve", names.len())),
    }
}

/// Whether a pod is ending, and has little time for it. One that has long goes on serving for as long as it is needed, a router its
/// websockets and a builder its pushes: nobody has to wait for that.
fn ends_soon(pod: &Pod) -> bool {
    let seconds = pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
    pod.metadata.deletion_timestamp.is_some() && seconds <= LONGEST_END
}

/// The first pod that is neither well nor leaving nor given up, and what is the matter with it.
fn trouble(pods: &[Pod]) -> String {
    let over =
        |pod: &Pod| matches!(pod.status.as_ref().and_then(|it| it.phase.as_deref()), Some("Failed" | "Succeeded"));
    let leaves = |pod: &Pod| pod.metadata.deletion_timestamp.is_some() || over(pod);
    let ill = |pod: &&Pod| !leaves(pod) && !deis_kube::pod_state::is_ready(pod);
    let Some(pod) = pods.iter().find(ill) else { return String::new() };
    let state = deis_kube::pod_state::of(pod);
    let why = deis_kube::pod_state::waiting(pod).map(|(_, message)| message).unwrap_or_default();
    let why = why.lines().next().filter(|line| !line.is_empty()).map(|line| format!(", {line}")).unwrap_or_default();
    format!("; {} is {state}{why}", pod.name_any())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn deployment(status: Value) -> Figures {
        from_value::<Deployment>(json!({
            "metadata": { "generation": 3 },
            "spec": { "replicas": 2, "selector": {}, "template": {} },
            "status": status,
        }))
        .unwrap()
        .figures()
    }

    fn pod(name: &str, leaving: bool, waiting: Option<&str>) -> Pod {
        let mut pod = json!({
            "metadata": { "name": name },
            "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] },
        });
        if leaving {
            pod["metadata"]["deletionTimestamp"] = json!("2026-11-28T12:00:00Z");
        }
        if let Some(reason) = waiting {
            let state = json!({ "waiting": { "reason": reason, "message": "not found\nat all" } });
            pod["status"] = json!({ "phase": "Pending", "containerStatuses": [
                { "name": "router", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state },
            ] });
        }
        from_value(pod).unwrap()
    }

    #[test]
    fn each_step_of_a_rollout_is_named() {
        let said = |status: Value, pods: &[Pod]| match stage(&deployment(status), pods) {
            Stage::Done => "done".to_owned(),
            Stage::Waiting(what) => what,
            Stage::Stuck(why) => format!("stuck: {why}"),
        };
        let status = |updated, total, available| json!({ "observedGeneration": 3, "updatedReplicas": updated, "replicas": total, "availableReplicas": available });
        assert_eq!(said(json!({ "observedGeneration": 2 }), &[]), "its controller has not seen the change yet");
        let pulling = pod("deis-router-b", false, Some("ImagePullBackOff"));
        assert_eq!(
            said(status(1, 3, 2), &[pod("deis-router-a", false, None), pulling]),
            "1 of 2 pods are new; deis-router-b is ImagePullBackOff, not found"
        );
        assert_eq!(said(status(2, 2, 1), &[]), "1 of 2 pods are ready");
        assert_eq!(said(status(2, 3, 3), &[]), "1 pod too many, to be ended");
        assert_eq!(said(status(2, 2, 2), &[pod("deis-router-a", true, None)]), "deis-router-a ends what it serves");
        assert_eq!(said(status(2, 2, 2), &[pod("deis-router-b", false, None)]), "done");
        let mut patient = pod("deis-router-a", true, None);
        patient.metadata.deletion_grace_period_seconds = Some(1210);
        assert_eq!(said(status(2, 2, 2), &[patient]), "done");
        let given_up = json!({ "observedGeneration": 3, "conditions": [
            { "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "has timed out" },
        ] });
        assert_eq!(said(given_up, &[]), "stuck: has timed out");
    }

    #[test]
    fn a_stateful_set_is_through_when_its_revisions_are_one() {
        let status = |current: &str, updated: i32, available: i32| {
            let object: StatefulSet = from_value(json!({
                "metadata": { "generation": 1 },
                "spec": { "replicas": 1, "selector": {}, "template": {}, "serviceName": "" },
                "status": { "observedGeneration": 1, "replicas": 1, "updatedReplicas": updated, "availableReplicas": available,
                            "currentRevision": current, "updateRevision": "b" },
            }))
            .unwrap();
            stage(&object.figures(), &[])
        };
        assert_eq!(status("a", 0, 1), Stage::Waiting("0 of 1 pods are new".to_owned()));
        assert_eq!(status("a", 1, 0), Stage::Waiting("0 of 1 pods are ready".to_owned()));
        assert_eq!(status("b", 0, 1), Stage::Done);
    }

    #[test]
    fn a_daemon_set_goes_by_its_nodes() {
        let status = |updated: i32, available: i32| {
            let object: DaemonSet = from_value(json!({
                "metadata": { "generation": 1 }, "spec": { "selector": {}, "template": {} },
                "status": { "observedGeneration": 1, "currentNumberScheduled": 3, "desiredNumberScheduled": 3, "numberMisscheduled": 0,
                            "numberReady": available, "numberAvailable": available, "updatedNumberScheduled": updated },
            }))
            .unwrap();
            stage(&object.figures(), &[])
        };
        assert_eq!(status(1, 2), Stage::Waiting("1 of 3 pods are new".to_owned()));
        assert_eq!(status(3, 2), Stage::Waiting("2 of 3 pods are ready".to_owned()));
        assert_eq!(status(3, 3), Stage::Done);
    }
}
