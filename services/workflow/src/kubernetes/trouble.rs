//! What keeps a pod from being ready, out of its conditions and the state of its container first, and of what the kubelet tells in
//! Events second: what a probe found stands nowhere else.

use deis_kube::pod_state;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, ContainerStateTerminated, ContainerStatus, Pod};

use crate::deploy::no_node::NoNode;
use crate::deploy::probe::{Probe, Unhealthy};
use crate::deploy::world::{Record, Trouble};

/// A process that has run for so long has got over its last end: then the kubelet starts it again without delay, too.
const RECOVERED: SignedDuration = SignedDuration::from_mins(10);
/// Kubernetes tells times in whole seconds.
const SECOND: SignedDuration = SignedDuration::from_secs(1);
/// How many of a process's last lines are kept.
const LAST_LINES: usize = 20;

/// What keeps a pod from becoming ready, or why its process was started again; `found` is what its probes found.
pub(super) fn of(pod: &Pod, found: &[Unhealthy], now: Timestamp) -> Option<Trouble> {
    if let Some(words) = unschedulable(pod) {
        return Some(Trouble::Unschedulable(NoNode::parse(words)));
    }
    let container = pod_state::container(pod)?;
    if let Some((reason, words)) = pod_state::waiting(pod) {
        match reason {
            "CreateContainerConfigError" | "CreateContainerError" if !is_of_command(words) => {
                return Some(Trouble::Container(one_line(words)));
            }
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
                return Some(Trouble::Start(runtime(words)));
            }
            // The kubelet keeps the command's own words to itself where it says nothing.
            "PostStartHookError" => {
                let words = Some(one_line(words)).filter(|words| !words.is_empty());
                let words = words.map(|words| format!(": {words}")).unwrap_or_default();
                return Some(Trouble::Start(format!("its hook lifecycle_post_start failed{words}")));
            }
            _ => {
                if let Some(trouble) = image(reason, words) {
                    return Some(trouble);
                }
            }
        }
    }
    let unready = unready(pod, container, found);
    let Some(last) = last_end(container).filter(|last| counts(container, last, now)) else { return unready };
    let is_running = container.state.as_ref().is_some_and(|state| state.running.is_some());
    let times = u32::try_from(container.restart_count).unwrap_or(0) + u32::from(!is_running);
    match last.reason.as_deref() {
        Some("OOMKilled") => Some(Trouble::OutOfMemory),
        // The runtime's own words when there is nothing to run.
        Some("StartError" | "ContainerCannotRun") => {
            Some(Trouble::Start(runtime(last.message.as_deref().unwrap_or("the runtime gives no reason"))))
        }
        _ => match killer(last, found) {
            Some(found) => Some(Trouble::Unresponsive { found: found.clone(), times }),
            // It got another chance: what it does with that is the news.
            None if times == 1 && matches!(&unready, Some(Trouble::Unready { found: Some(_), .. })) => unready,
            None => Some(Trouble::Exited { code: last.exit_code, times, after: ran(last) }),
        },
    }
}

/// What a pod has been through.
pub(super) fn record(pod: &Pod) -> Record {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
    let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
    let since = ready.and_then(|ready| ready.last_transition_time.as_ref());
    let since = since.or_else(|| status?.start_time.as_ref()).or(pod.metadata.creation_timestamp.as_ref());
    let container = pod_state::container(pod);
    let last = container.and_then(last_end);
    Record {
        since: since.map(|since| since.0),
        restarts: container.and_then(|container| u32::try_from(container.restart_count).ok()).unwrap_or(0),
        ended: last.and_then(|last| last.finished_at.as_ref()).map(|ended| ended.0),
        last_lines: last.map(last_lines).unwrap_or_default(),
    }
}

/// Why an image cannot be had.
fn image(reason: &str, words: &str) -> Option<Trouble> {
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    match reason {
        "InvalidImageName" => Some(Trouble::ImageInvalid(one_line(words))),
        "ErrImagePull" | "ImagePullBackOff" | "ImageInspectError" | "RegistryUnavailable" | "ErrImageNeverPull" => {
            if says(&["401 Unauthorized", "403 Forbidden", "authorization failed", "access denied", "no basic auth"]) {
                return Some(Trouble::ImageForbidden(pulling(words)));
            }
            if reason == "ErrImageNeverPull" || says(&["not found", "manifest unknown"]) {
                return Some(Trouble::ImageMissing(pulling(words)));
            }
            // One failed try can be an outage of the registry; an image that is not there stays away.
            (reason != "ErrImagePull").then(|| Trouble::Image(pulling(words)))
        }
        _ => None,
    }
}

fn unschedulable(pod: &Pod) -> Option<&str> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let scheduled = conditions.iter().find(|condition| condition.type_ == "PodScheduled")?;
    let refused = scheduled.status == "False" && scheduled.reason.as_deref() == Some("Unschedulable");
    refused.then(|| scheduled.message.as_deref().unwrap_or_default())
}

/// How the container's process ended last.
fn last_end(container: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    let now = container.state.as_ref().and_then(|state| state.terminated.as_ref());
    now.or_else(|| container.last_state.as_ref()?.terminated.as_ref())
}

/// Whether an end is still worth a word.
fn counts(container: &ContainerStatus, last: &ContainerStateTerminated, now: Timestamp) -> bool {
    let is_running = container.state.as_ref().is_some_and(|state| state.running.is_some());
    let ended = last.finished_at.as_ref().map(|ended| ended.0);
    !is_running || ended.is_none_or(|ended| now.duration_since(ended) < RECOVERED)
}

/// The liveness probe that made the kubelet end the process, if it was so.
fn killer<'a>(last: &ContainerStateTerminated, found: &'a [Unhealthy]) -> Option<&'a Unhealthy> {
    let started = last.started_at.as_ref().map(|started| started.0);
    let in_its_time = |found: &&Unhealthy| started.is_none_or(|started| found.seen >= started - SECOND);
    found.iter().filter(|found| found.probe == Probe::Liveness).find(in_its_time)
}

/// For how long it ran, in seconds.
fn ran(last: &ContainerStateTerminated) -> Option<u64> {
    let (started, finished) = (last.started_at.as_ref()?, last.finished_at.as_ref()?);
    u64::try_from(finished.0.duration_since(started.0).as_secs()).ok()
}

/// A process that runs and is not found as it should be.
fn unready(pod: &Pod, status: &ContainerStatus, found: &[Unhealthy]) -> Option<Trouble> {
    let running = status.state.as_ref()?.running.as_ref()?;
    if pod_state::is_ready(pod) {
        return None;
    }
    let container: &Container = pod.spec.as_ref()?.containers.first()?;
    let probe = match (&container.startup_probe, &container.readiness_probe) {
        (Some(_), _) if status.started != Some(true) => Probe::Startup,
        (_, Some(_)) => Probe::Readiness,
        _ => return None,
    };
    let started = running.started_at.as_ref().map(|started| started.0);
    let is_new = |found: &&Unhealthy| started.is_none_or(|started| found.seen >= started - SECOND);
    let found = found.iter().filter(|found| found.probe == probe).find(is_new).cloned();
    Some(Trouble::Unready { probe, found })
}

/// The kubelet keeps them as the message of the end, of processes that failed.
fn last_lines(last: &ContainerStateTerminated) -> Vec<String> {
    if matches!(last.reason.as_deref(), Some("StartError" | "ContainerCannotRun")) {
        return Vec::new();
    }
    let lines = last.message.as_deref().unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default().to_vec()
}

/// Some runtimes look for the program when they make the container.
fn is_of_command(words: &str) -> bool {
    words.contains("exec:") || words.contains("no command specified")
}

/// The end of what a runtime says of a pull: what comes before names the image again and again.
fn pulling(words: &str) -> String {
    let words = one_line(words);
    let end = words.rsplit_once("failed to resolve reference ").and_then(|(_, rest)| rest.split_once(": "));
    end.map_or_else(|| words.clone(), |(_, end)| end.to_owned())
}

/// The end of what a runtime says of a start, from the program on: `exec: "/bin/nope": stat /bin/nope: no such file or directory`.
fn runtime(words: &str) -> String {
    let words = one_line(words);
    let words = words.trim_end_matches(": unknown");
    let from = words.find("exec: ").and_then(|at| words.get(at..));
    from.unwrap_or(words).to_owned()
}

/// Words of others, on one line and without a final stop.
fn one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
