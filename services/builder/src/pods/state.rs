//! What a build pod's status means for the person who pushed.

use std::time::Duration;

use deis_api::Code;
use deis_kube::pod_state;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};

use crate::Error;

#[derive(Debug)]
pub(super) enum State {
    /// It has ended, or will never start.
    Ended(Error),
    /// It waits for something that may yet come.
    Waiting(String),
    /// Nothing worth saying.
    Fine,
}

/// The pod is not there any more.
pub(super) fn deleted() -> Error {
    ended(Code::BuildCancelled, "The build pod was deleted while it was building. Push again.")
}

/// Judges a status.
pub(super) fn of(pod: &Pod) -> State {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
    let container = pod_state::container(pod).and_then(|container| container.state.as_ref());
    if let Some(terminated) = container.and_then(|state| state.terminated.as_ref()) {
        return State::Ended(of_container(terminated));
    }
    if phase == "Failed" || phase == "Succeeded" {
        let reason = status.and_then(|status| status.reason.as_deref()).unwrap_or_default();
        let message = status.and_then(|status| status.message.as_deref()).unwrap_or_default();
        let limit = pod.spec.as_ref().and_then(|spec| spec.active_deadline_seconds);
        return State::Ended(of_pod(reason, message, limit));
    }
    match (pod_state::waiting(pod), pod_state::of(pod).as_str()) {
        (
            Some((reason @ ("ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull"), message)),
            _,
        ) => {
            if reason == "ErrImagePull" {
                // The kubelet tries again before it gives up.
                State::Waiting(format!("The build image cannot be pulled yet: {message}"))
            } else {
                State::Ended(ended(Code::ImagePullFailed, &format!("The build image cannot be pulled: {message}")))
            }
        }
        (
            Some((reason @ ("CreateContainerConfigError" | "CreateContainerError" | "RunContainerError"), message)),
            _,
        ) => State::Ended(ended(Code::PodRefused, &format!("The build pod cannot be started: {reason}: {message}"))),
        (_, "FailedScheduling") => State::Waiting("Waiting for a node that has room for the build.".to_owned()),
        _ => State::Fine,
    }
}

fn of_container(terminated: &ContainerStateTerminated) -> Error {
    match terminated.reason.as_deref() {
        Some("OOMKilled") => ended(Code::BuildOutOfRoom, "The build needed more memory than it may have."),
        _ => {
            let text = format!("Build pod exited with code {}, stopping build.", terminated.exit_code);
            ended(Code::BuildFailed, &text)
        }
    }
}

/// `limit` is the pod's own, in seconds.
fn of_pod(reason: &str, message: &str, limit: Option<i64>) -> Error {
    let limit = limit.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    match (reason, limit) {
        ("DeadlineExceeded", Some(limit)) => Error::TimedOut(limit),
        ("DeadlineExceeded", None) => ended(Code::BuildTimedOut, "The build took longer than it may."),
        ("Evicted", _) => ended(Code::BuildOutOfRoom, &format!("The build was evicted from its node: {message}")),
        _ => ended(Code::BuildFailed, &format!("The build pod went into failed status: [{reason}]:{message}")),
    }
}

fn ended(code: Code, message: &str) -> Error {
    Error::Pod { code, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(status: serde_json::Value) -> String {
        judge_with(serde_json::Value::Null, status)
    }

    fn judge_with(spec: serde_json::Value, status: serde_json::Value) -> String {
        let pod = serde_json::json!({ "metadata": { "name": "p" }, "spec": spec, "status": status });
        let pod = serde_json::from_value(pod).unwrap();
        match of(&pod) {
            State::Ended(error) => format!("{} {error}", error.code()),
            State::Waiting(text) => format!("waiting {text}"),
            State::Fine => "fine".to_owned(),
        }
    }

    fn container(state: serde_json::Value) -> serde_json::Value {
        serde_json::json!([{ "name": "build", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state }])
    }

    #[test]
    fn statuses_and_what_they_mean() {
        let waits = |reason: &str| container(serde_json::json!({ "waiting": { "reason": reason, "message": "why" } }));
        let ends = |reason: &str, code: i32| {
            container(serde_json::json!({ "terminated": { "reason": reason, "exitCode": code } }))
        };
        for (status, meaning) in [
            (serde_json::json!({}), "fine"),
            (
                serde_json::json!({ "phase": "Running", "containerStatuses": container(serde_json::json!({ "running": {} })) }),
                "fine",
            ),
            (serde_json::json!({ "phase": "Pending", "containerStatuses": waits("ContainerCreating") }), "fine"),
            (
                serde_json::json!({ "phase": "Pending", "containerStatuses": waits("ErrImagePull") }),
                "waiting The build image cannot be pulled yet: why",
            ),
            (
                serde_json::json!({ "phase": "Pending", "containerStatuses": waits("ImagePullBackOff") }),
                "image-pull-failed The build image cannot be pulled: why",
            ),
            (
                serde_json::json!({ "phase": "Pending", "containerStatuses": waits("CreateContainerError") }),
                "pod-refused The build pod cannot be started: CreateContainerError: why",
            ),
            (
                serde_json::json!({ "phase": "Pending", "conditions": [{ "type": "PodScheduled", "status": "False", "reason": "Unschedulable" }] }),
                "waiting Waiting for a node that has room for the build.",
            ),
            (
                serde_json::json!({ "phase": "Failed", "containerStatuses": ends("OOMKilled", 137) }),
                "build-out-of-room The build needed more memory than it may have.",
            ),
            (
                serde_json::json!({ "phase": "Failed", "containerStatuses": ends("Error", 2) }),
                "build-failed Build pod exited with code 2, stopping build.",
            ),
            (
                serde_json::json!({ "phase": "Failed", "reason": "DeadlineExceeded" }),
                "build-timed-out The build took longer than it may.",
            ),
            (
                serde_json::json!({ "phase": "Failed", "reason": "Evicted", "message": "disk" }),
                "build-out-of-room The build was evicted from its node: disk",
            ),
        ] {
            assert_eq!(judge(status.clone()), meaning, "{status}");
        }
        let late = serde_json::json!({ "phase": "Failed", "reason": "DeadlineExceeded" });
        let spec = serde_json::json!({ "activeDeadlineSeconds": 960, "containers": [] });
        assert_eq!(judge_with(spec, late), "build-timed-out The build took longer than it may: 16 min.");
    }
}
