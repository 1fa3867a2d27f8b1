use deis_kube::pod_state;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};

use crate::deploy::world::Trouble;

/// What keeps a pod from becoming ready, as the kubelet and the scheduler tell it.
pub(super) fn of(pod: &Pod) -> Option<Trouble> {
    if let Some(words) = unschedulable(pod) {
        return Some(Trouble::Unschedulable(words));
    }
    let container = pod_state::container(pod)?;
    match pod_state::waiting(pod) {
        Some(("ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" | "ImageInspectError", words)) => {
            return Some(Trouble::Image(one_line(words)));
        }
        // One failed try can be an outage of the registry; an image that is not there stays away.
        Some(("ErrImagePull", words)) if words.contains("not found") => return Some(Trouble::Image(one_line(words))),
        Some(("CreateContainerConfigError" | "CreateContainerError" | "RunContainerError", words)) => {
            return Some(Trouble::Start(one_line(words)));
        }
        _ => {}
    }
    let ended =
        |state: Option<&k8s_openapi::api::core::v1::ContainerState>| state.and_then(|state| state.terminated.clone());
    let last: ContainerStateTerminated =
        ended(container.state.as_ref()).or_else(|| ended(container.last_state.as_ref()))?;
    match last.reason.as_deref() {
        Some("OOMKilled") => Some(Trouble::OutOfMemory),
        // The runtime's own words when there is nothing to run.
        Some("StartError" | "ContainerCannotRun") => {
            Some(Trouble::Start(one_line(last.message.as_deref().unwrap_or("the runtime gives no reason"))))
        }
        _ => {
            let running = container.state.as_ref().is_some_and(|state| state.terminated.is_none());
            let times = u32::try_from(container.restart_count).unwrap_or(0) + u32::from(!running);
            Some(Trouble::Exited { code: last.exit_code, times })
        }
    }
}

fn unschedulable(pod: &Pod) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let scheduled = conditions.iter().find(|condition| condition.type_ == "PodScheduled")?;
    let refused = scheduled.status == "False" && scheduled.reason.as_deref() == Some("Unschedulable");
    refused.then(|| one_line(scheduled.message.as_deref().unwrap_or_default()))
}

/// Words of others, on one line and without a final stop.
fn one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn trouble(restarts: i32, state: &Value, last: &Value) -> Option<Trouble> {
        let status = json!({
            "phase": "Running",
            "containerStatuses": [{
                "name": "web", "image": "", "imageID": "", "ready": false, "restartCount": restarts,
                "state": state, "lastState": last,
            }],
        });
        of(&serde_json::from_value(json!({ "metadata": {}, "status": status })).unwrap())
    }

    fn waits(reason: &str, message: &str) -> Value {
        json!({ "waiting": { "reason": reason, "message": message } })
    }

    #[test]
    fn pods_that_are_coming_have_no_trouble() {
        assert_eq!(of(&Pod::default()), None);
        assert_eq!(trouble(0, &waits("ContainerCreating", ""), &json!({})), None);
        assert_eq!(trouble(0, &json!({ "running": {} }), &json!({})), None);
        assert_eq!(trouble(0, &waits("ErrImagePull", "connection refused"), &json!({})), None);
    }

    #[test]
    fn images_that_cannot_be_had() {
        let expected = Some(Trouble::Image("manifest unknown: not found".to_owned()));
        assert_eq!(trouble(0, &waits("ErrImagePull", "manifest unknown:\n not found."), &json!({})), expected);
        assert!(trouble(0, &waits("ImagePullBackOff", "back-off"), &json!({})).is_some());
    }

    #[test]
    fn processes_that_end() {
        let exit = json!({ "terminated": { "exitCode": 1, "reason": "Error" } });
        let running = json!({ "running": {} });
        let back_off = waits("CrashLoopBackOff", "");
        assert_eq!(trouble(0, &exit, &json!({})), Some(Trouble::Exited { code: 1, times: 1 }));
        assert_eq!(trouble(1, &exit, &exit), Some(Trouble::Exited { code: 1, times: 2 }));
        assert_eq!(trouble(1, &running, &exit), Some(Trouble::Exited { code: 1, times: 1 }));
        assert_eq!(trouble(1, &back_off, &exit), Some(Trouble::Exited { code: 1, times: 1 }));
        assert_eq!(trouble(2, &back_off, &exit), Some(Trouble::Exited { code: 1, times: 2 }));
        let killed = json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled" } });
        assert_eq!(trouble(1, &running, &killed), Some(Trouble::OutOfMemory));
    }

    #[test]
    fn processes_that_cannot_be_started() {
        let broken = json!({ "terminated": { "exitCode": 128, "reason": "StartError", "message": "no such file" } });
        assert_eq!(trouble(0, &broken, &json!({})), Some(Trouble::Start("no such file".to_owned())));
        assert!(matches!(trouble(0, &waits("CreateContainerError", "x"), &json!({})), Some(Trouble::Start(_))));
    }

    #[test]
    fn pods_for_which_there_is_no_room() {
        let pod = json!({ "metadata": {}, "status": { "phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available."
        }] } });
        let expected = Some(Trouble::Unschedulable("0/1 nodes are available".to_owned()));
        assert_eq!(of(&serde_json::from_value(pod).unwrap()), expected);
    }
}
