//! What a pod is doing, in the words of the REST contract.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};

/// The state of a pod as `deis ps` shows it: `up`, `starting`, `creating`, `terminating`, `down`, `crashed`, `error`, or
/// what Kubernetes says that it waits for, such as `ImagePullBackOff` or `CrashLoopBackOff`.
#[must_use]
pub fn of(pod: &Pod) -> String {
    if pod.metadata.deletion_timestamp.is_some() {
        return "terminating".to_owned();
    }
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    match phase.unwrap_or("Pending") {
        "Pending" => pending(pod),
        "Running" => running(pod),
        "Succeeded" => "down".to_owned(),
        "Failed" => "crashed".to_owned(),
        _ => "error".to_owned(),
    }
}

/// Whether Kubernetes counts the pod among those that can serve.
#[must_use]
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// What Kubernetes says of the pod's one container; `None` until the kubelet has looked at it.
#[must_use]
pub fn container(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}

/// Why the container waits, and in which words: `("ImagePullBackOff", "Back-off pulling image …")`.
#[must_use]
pub fn waiting(pod: &Pod) -> Option<(&str, &str)> {
    let waiting = container(pod)?.state.as_ref()?.waiting.as_ref()?;
    Some((waiting.reason.as_deref()?, waiting.message.as_deref().unwrap_or_default()))
}

fn pending(pod: &Pod) -> String {
    let unschedulable = pod.status.as_ref().and_then(|status| status.conditions.as_ref()).is_some_and(|conditions| {
        conditions
            .iter()
            .any(|condition| condition.type_ == "PodScheduled" && condition.reason.as_deref() == Some("Unschedulable"))
    });
    match waiting(pod) {
        Some(("ContainerCreating", _)) => "creating".to_owned(),
        Some(("PodInitializing", _)) => "initializing".to_owned(),
        Some((reason, _)) => reason.to_owned(),
        None if unschedulable => "FailedScheduling".to_owned(),
        None => "initializing".to_owned(),
    }
}

fn running(pod: &Pod) -> String {
    let state = container(pod).and_then(|container| container.state.as_ref());
    match state {
        Some(ContainerState { waiting: Some(waiting), .. }) => {
            waiting.reason.clone().unwrap_or_else(|| "starting".to_owned())
        }
        Some(ContainerState { terminated: Some(_), .. }) => "terminating".to_owned(),
        _ if is_ready(pod) => "up".to_owned(),
        _ => "starting".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(status: serde_json::Value) -> Pod {
        serde_json::from_value(serde_json::json!({ "metadata": { "name": "p" }, "status": status })).unwrap()
    }

    #[test]
    fn every_state_of_the_contract() {
        let ready = serde_json::json!([{ "type": "Ready", "status": "True" }]);
        let waits = |reason: &str| {
            serde_json::json!([{
                "name": "web", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": { "waiting": { "reason": reason } }
            }])
        };
        let table = [
            (serde_json::json!({}), "initializing"),
            (serde_json::json!({ "phase": "Pending", "containerStatuses": waits("ContainerCreating") }), "creating"),
            (serde_json::json!({ "phase": "Pending", "containerStatuses": waits("ErrImagePull") }), "ErrImagePull"),
            (
                serde_json::json!({ "phase": "Pending", "conditions":
                    [{ "type": "PodScheduled", "status": "False", "reason": "Unschedulable" }] }),
                "FailedScheduling",
            ),
            (serde_json::json!({ "phase": "Running" }), "starting"),
            (serde_json::json!({ "phase": "Running", "conditions": ready }), "up"),
            (
                serde_json::json!({ "phase": "Running", "containerStatuses": waits("CrashLoopBackOff") }),
                "CrashLoopBackOff",
            ),
            (serde_json::json!({ "phase": "Succeeded" }), "down"),
            (serde_json::json!({ "phase": "Failed" }), "crashed"),
            (serde_json::json!({ "phase": "Unknown" }), "error"),
        ];
        for (status, state) in table {
            assert_eq!(of(&pod(status.clone())), state, "{status}");
        }
    }

    #[test]
    fn a_pod_with_a_deletion_time_is_terminating() {
        let mut pod = pod(serde_json::json!({ "phase": "Running" }));
        pod.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH));
        assert_eq!(of(&pod), "terminating");
    }
}
