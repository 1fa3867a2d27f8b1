//! The pods of commands that users run once.

use std::time::Duration;

use deis_api::AppName;
use deis_bootstrap::deadline;
use deis_kube::{Error as KubeError, apply, delete, labels, objects, pod_state};
use futures_util::future::BoxFuture;
use futures_util::io::AsyncReadExt as _;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::LogParams;

use super::cache::Objects;
use super::writes::Kubernetes;
use super::{attach, process, trouble};
use crate::deploy::cluster::Done;
use crate::deploy::world::Trouble;
use crate::deploy::{Cluster, EffectError};
use crate::runs::{Connected, Look, OneOff, OneOffs, Output, State};

/// How long the pod of a command stays for which nobody waits any more, from its end: whoever asks for its last lines finds them.
const KEPT: SignedDuration = SignedDuration::from_mins(10);
/// What is read of a command's output, in bytes.
const OUTPUT_BYTES: u64 = 1024 * 1024;
/// How long a node may take to hand it out.
const OUTPUT_PATIENCE: Duration = Duration::from_secs(30);

impl OneOffs for Kubernetes {
    fn start<'a>(&'a self, one_off: &'a OneOff) -> Done<'a> {
        Box::pin(async move {
            let (app, assignment) = (one_off.app(), &one_off.assignment);
            let environment = objects::environment(app, assignment.release, &assignment.environment());
            match apply::ensure(&self.api::<Secret>(app), environment, one_off.fence).await {
                // Whoever deploys the app looks after it.
                Ok(_) | Err(KubeError::Fenced { .. } | KubeError::Conflict { .. }) => {}
                Err(error) => return Err(made(error)),
            }
            let pod = process::one_off(one_off).ok_or_else(|| EffectError::Refused("There is no image.".to_owned()))?;
            apply::create(&self.api::<Pod>(app), pod, one_off.fence).await.map_err(made)?;
            Ok(())
        })
    }

    fn remove<'a>(&'a self, app: &'a AppName, pod: &'a str) -> Done<'a> {
        Box::pin(async move { Ok(delete::named(&self.api::<Pod>(app), pod).await?) })
    }

    fn look(&self, app: &AppName, pod: &str) -> Look {
        self.cache.read(app, |objects| Look {
            generation: objects.generation(),
            state: objects.pods.get(pod).map(|pod| state(pod, Timestamp::now())),
        })
    }

    fn changed<'a>(&'a self, app: &'a AppName, since: u64, limit: Duration) -> BoxFuture<'a, ()> {
        Cluster::changed(self, app, since, limit)
    }

    fn output<'a>(&'a self, app: &'a AppName, pod: &'a str) -> BoxFuture<'a, Result<Output, EffectError>> {
        Box::pin(async move {
            let pods = self.api::<Pod>(app);
            let read = async {
                let log = pods.log_stream(pod, &LogParams::default()).await.map_err(|error| error.to_string())?;
                let mut bytes = Vec::new();
                log.take(OUTPUT_BYTES + 1).read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
                Ok::<_, String>(bytes)
            };
            let read =
                deadline(OUTPUT_PATIENCE, read).await.map_err(|late| EffectError::Unavailable(late.to_string()))?;
            Ok(output(read.map_err(EffectError::Unavailable)?))
        })
    }

    fn attach<'a>(&'a self, app: &'a AppName, pod: &'a str, has_terminal: bool) -> Connected<'a> {
        Box::pin(async move { attach::attach(&self.api::<Pod>(app), pod, has_terminal).await })
    }

    fn exec<'a>(&'a self, app: &'a AppName, pod: &'a str, command: &'a [String], has_terminal: bool) -> Connected<'a> {
        let command = self.cache.read(app, |objects| objects.pods.get(pod).map(|pod| attach::within(pod, command)));
        Box::pin(async move {
            let command = command.ok_or_else(|| EffectError::Unavailable("its pod is gone".to_owned()))?;
            attach::exec(&self.api::<Pod>(app), pod, command, has_terminal).await
        })
    }

    fn idle(&self, now: Timestamp) -> Vec<(AppName, String)> {
        self.cache.each(|app, objects| idle(objects, now).into_iter().map(|pod| (app.clone(), pod)).collect::<Vec<_>>())
    }
}

/// A namespace that is not there any more is one that its app goes with.
fn made(error: KubeError) -> EffectError {
    match error {
        KubeError::NotFound { .. } => EffectError::Refused("its namespace is being terminated".to_owned()),
        error => error.into(),
    }
}

fn output(mut bytes: Vec<u8>) -> Output {
    let limit = usize::try_from(OUTPUT_BYTES).unwrap_or(usize::MAX);
    let is_cut = bytes.len() > limit;
    bytes.truncate(limit);
    Output { text: String::from_utf8_lossy(&bytes).into_owned(), is_cut }
}

/// How far a command is.
fn state(pod: &Pod, now: Timestamp) -> State {
    let status = pod.status.as_ref();
    let words = |fallback: &str| {
        let message = status.and_then(|status| status.message.clone().or_else(|| status.reason.clone()));
        message.unwrap_or_else(|| fallback.to_owned()).trim_end_matches('.').to_owned()
    };
    let container = pod_state::container(pod).and_then(|container| container.state.as_ref());
    match status.and_then(|status| status.phase.as_deref()) {
        Some("Succeeded") => State::Exited(0),
        Some("Failed") if status.and_then(|status| status.reason.as_deref()) == Some("DeadlineExceeded") => State::Late,
        Some("Failed") => match trouble::of(pod, &[], now) {
            // The runtime has an exit code for what it could not start, too.
            Some(trouble @ Trouble::Start(_)) => State::Waiting(Some(trouble)),
            _ => match container.and_then(|state| state.terminated.as_ref()) {
                Some(end) if status.is_none_or(|status| status.reason.is_none()) => State::Exited(end.exit_code),
                _ => State::Lost(words("Kubernetes gives no reason")),
            },
        },
        _ if pod.metadata.deletion_timestamp.is_some() => State::Lost("its pod is being deleted".to_owned()),
        // Its phase follows in a moment.
        _ if container.is_some_and(|state| state.running.is_some() || state.terminated.is_some()) => State::Running,
        _ => State::Waiting(trouble::of(pod, &[], now)),
    }
}

/// The pods of commands that have ended a while ago, or were never started in the time that they had.
fn idle(objects: &Objects, now: Timestamp) -> Vec<String> {
    let pods = objects.pods.iter().filter(|(_, pod)| labels::is_one_off(&pod.metadata));
    let pods = pods.filter(|(_, pod)| pod.metadata.deletion_timestamp.is_none());
    let pods = pods.filter(|(_, pod)| needed_until(pod).is_some_and(|needed| needed <= now));
    pods.map(|(name, _)| name.clone()).collect()
}

/// `None` while the command runs: the kubelet ends it in time.
fn needed_until(pod: &Pod) -> Option<Timestamp> {
    let made = pod.metadata.creation_timestamp.as_ref()?.0;
    let limit = pod.spec.as_ref().and_then(|spec| spec.active_deadline_seconds).unwrap_or(0);
    let in_time = made.checked_add(SignedDuration::from_secs(limit)).ok()?;
    let status = pod.status.as_ref();
    let end = match status.and_then(|status| status.phase.as_deref()) {
        Some("Succeeded" | "Failed") => {
            let state = pod_state::container(pod).and_then(|container| container.state.as_ref());
            let end = state.and_then(|state| state.terminated.as_ref()).and_then(|end| end.finished_at.as_ref());
            end.map_or(in_time, |end| end.0)
        }
        Some("Running") => return None,
        _ => in_time,
    };
    end.checked_add(KEPT).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {
                "name": "a-run-x", "namespace": "a", "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": { "app": "a", "heritage": "deis", "version": "v2", "type": "run" },
            },
            "spec": { "containers": [{ "name": "run" }], "activeDeadlineSeconds": 1200 },
            "status": status,
        }))
        .unwrap()
    }

    fn ended(phase: &str, code: i32, reason: &str) -> Value {
        let end = json!({ "exitCode": code, "reason": reason, "message": "exec: \"/bin/bash\": no such file", "finishedAt": "2026-01-01T00:05:00Z" });
        json!({ "phase": phase, "containerStatuses": [container(json!({ "terminated": end }))] })
    }

    fn container(state: Value) -> Value {
        json!({ "name": "run", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state })
    }

    #[test]
    fn how_far_a_command_is() {
        let state = |status: Value| state(&pod(status), "2026-01-01T00:05:00Z".parse().unwrap());
        let late = json!({ "phase": "Failed", "reason": "DeadlineExceeded", "message": "Pod was active on the node longer than the specified deadline" });
        let evicted =
            json!({ "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory." });
        let running = json!({ "phase": "Running", "containerStatuses": [container(json!({ "running": {} }))] });
        assert_eq!(state(json!({ "phase": "Pending" })), State::Waiting(None));
        assert_eq!(state(running), State::Running);
        assert_eq!(state(ended("Succeeded", 0, "Completed")), State::Exited(0));
        assert_eq!(state(ended("Failed", 3, "Error")), State::Exited(3));
        assert_eq!(state(ended("Failed", 137, "OOMKilled")), State::Exited(137));
        assert_eq!(state(late), State::Late);
        assert_eq!(state(evicted), State::Lost("The node was low on resource: memory".to_owned()));
        let start = State::Waiting(Some(Trouble::Start("exec: \"/bin/bash\": no such file".to_owned())));
        assert_eq!(state(ended("Failed", 128, "StartError")), start);
    }

    #[test]
    fn what_nobody_needs_goes_ten_minutes_after_its_end() {
        let mut objects = Objects::default();
        for (name, status) in [
            ("ended", ended("Failed", 3, "Error")),
            ("running", json!({ "phase": "Running" })),
            ("waiting", json!({ "phase": "Pending" })),
        ] {
            objects.pods.insert(name.to_owned(), pod(status).into());
        }
        let mut web = pod(ended("Failed", 3, "Error"));
        web.metadata.labels.as_mut().unwrap().insert("type".to_owned(), "web".to_owned());
        objects.pods.insert("web".to_owned(), web.into());
        let idle = |now: &str| idle(&objects, now.parse().unwrap());
        assert_eq!(idle("2026-01-01T00:14:59Z"), Vec::<String>::new());
        assert_eq!(idle("2026-01-01T00:15:00Z"), ["ended"]);
        assert_eq!(idle("2026-01-01T00:30:00Z"), ["ended", "waiting"]);
    }

    #[test]
    fn more_than_there_is_room_for_is_cut_and_no_text_is_replaced() {
        let limit = usize::try_from(OUTPUT_BYTES).unwrap();
        assert_eq!(output(b"a\xffb\n".to_vec()), Output { text: "a\u{fffd}b\n".to_owned(), is_cut: false });
        assert!(!output(vec![b'x'; limit]).is_cut);
        let cut = output(vec![b'x'; limit + 1]);
        assert!(cut.is_cut && cut.text.len() == limit);
    }
}
