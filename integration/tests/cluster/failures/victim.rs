//! The app that fails, and those who hear of it.
#![expect(clippy::indexing_slicing, reason = "a JSON value is indexed safely")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Event, Pod, ReplicationController};
use kube::api::{Api, ListParams};
use serde_json::Value;

use crate::support::{App, Output, Platform, Repository, eventually};

/// How soon a failure is told after Kubernetes knew.
const SOON: Duration = Duration::from_secs(2);

/// One app, the Events about it, and what it has been told.
pub(super) struct Victim<'a> {
    pub(super) platform: &'a Platform,
    pub(super) repository: &'a Repository<'a>,
    pub(super) app: &'a App<'a>,
    /// What failed, with code and sentence.
    pub(super) told: RefCell<BTreeMap<&'static str, String>>,
}

/// The API server's list of objects as it changes, until one is as it should be; when that was.
pub(super) async fn moment<K>(what: &str, api: &Api<K>, selector: &str, is_it: impl Fn(&K) -> bool) -> Instant
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    eventually(what, api, selector, |objects| objects.iter().any(&is_it)).await;
    Instant::now()
}

impl Victim<'_> {
    /// Types a change that makes release `version`, which fails with `code`, at most [`SOON`] after Kubernetes knew. Notes the sentence.
    pub(super) async fn fails(
        &self,
        kind: &'static str,
        (version, code): (&str, &str),
        change: impl Future<Output = Output>,
        known: impl Future<Output = Instant>,
    ) {
        let events = self.platform.objects::<Event>(&self.app.name);
        let before = self.warnings(code).await.len();
        let told = async {
            let events = eventually("the failure is told", &events, "", |events| of_us(events, code).count() > before);
            let events = events.await;
            (Instant::now(), events)
        };
        let (output, known, (told, events)) = tokio::join!(change, known, told);
        let late = told.saturating_duration_since(known);
        assert!(late <= SOON, "{kind}: told {late:?} after Kubernetes knew");
        self.note(kind, code, version, output, &events).await;
    }

    /// When one of a release's pods is like that.
    pub(super) async fn pod(&self, version: &str, is_it: impl Fn(&Pod) -> bool) -> Instant {
        let pods = self.platform.objects::<Pod>(&self.app.name);
        let selector = format!("heritage=deis,type=web,version={version}");
        moment("Kubernetes knows of a pod", &pods, &selector, is_it).await
    }

    /// When Kubernetes refuses a release's pods.
    pub(super) async fn refusal(&self, version: &str) -> Instant {
        let controllers = self.platform.objects::<ReplicationController>(&self.app.name);
        let selector = format!("version={version}");
        moment("Kubernetes refuses a pod", &controllers, &selector, |controller| {
            let conditions = controller.status.as_ref().and_then(|status| status.conditions.as_deref());
            conditions.unwrap_or_default().iter().any(|condition| condition.type_ == "ReplicaFailure")
        })
        .await
    }

    /// When the kubelet has told what a probe of a release's pod found.
    pub(super) async fn finding(&self, version: &str, part: &str) -> Instant {
        let events = self.platform.objects::<Event>(&self.app.name);
        moment("the kubelet tells of a probe", &events, "", |event| {
            let pod = event.involved_object.name.as_deref().unwrap_or_default();
            let told = event.message.as_deref().unwrap_or_default();
            pod.contains(&format!("-{version}-")) && told.contains(part)
        })
        .await
    }

    /// Whoever asked was told what the Event and the release say; what served before serves on.
    async fn note(&self, kind: &'static str, code: &str, version: &str, output: Output, events: &[Event]) {
        let output = output.failed(1);
        let text = output.text();
        assert!(text.contains(code), "{kind}: {output}");
        // Two of one code may have the same second.
        let mut sentences = of_us(events, code).filter_map(|event| event.message.clone());
        let sentence = sentences.find(|sentence| text.contains(sentence.as_str()));
        let sentence = sentence.unwrap_or_else(|| panic!("{kind}: no Event says what this does: {output}"));
        let info = self.repository.deis(&["releases:info", version]).await.succeeded();
        let (code_line, failed) = (format!("code:     {code}"), format!("failed:   {sentence}"));
        drop(info.has_lines(&[&code_line, &failed]));
        assert_eq!(self.app.get().await, (200, "well\n".to_owned()), "{kind}");
        self.told.borrow_mut().insert(kind, format!("{code}: {}", redacted(&sentence)));
    }

    /// A process that may still come up: `deis explain` tells it soon after Kubernetes knew, by `code` and with `part` in its sentence,
    /// and in the end the release fails with `end`.
    pub(super) async fn is_explained(
        &self,
        kind: &'static str,
        (version, code, part, end): (&str, &str, &str, &str),
        change: impl Future<Output = Output>,
        known: impl Future<Output = Instant>,
    ) {
        let explained = async {
            let known = known.await;
            self.problem(known, code, part).await
        };
        let (output, problem) = tokio::join!(change, explained);
        drop(output.failed(1).has_lines(&[&format!("Code: {end}")]));
        let info = self.repository.deis(&["releases:info", version]).await.succeeded();
        drop(info.has_lines(&[&format!("code:     {end}")]));
        self.told.borrow_mut().insert(kind, format!("{code}: {}", redacted(problem["message"].as_str().unwrap())));
    }

    /// What the app says of itself, at most [`SOON`] after Kubernetes knew.
    pub(super) async fn problem(&self, known: Instant, code: &str, part: &str) -> Value {
        loop {
            let explained = self.repository.deis(&["explain", "--output=json"]).await.succeeded();
            let explanation: Value = serde_json::from_str(&explained.stdout).unwrap();
            let problems = explanation["problems"].as_array().unwrap();
            let late = known.elapsed();
            assert!(late <= SOON, "{late:?} after Kubernetes knew of {code} this was told: {explained}");
            let says = |problem: &Value| problem["message"].as_str().is_some_and(|message| message.contains(part));
            if let Some(problem) = problems.iter().find(|problem| problem["code"] == code && says(problem)) {
                return problem.clone();
            }
        }
    }

    pub(super) async fn next_version(&self) -> String {
        let releases = self.app.releases(self.repository).await;
        let newest = releases.first().and_then(|(version, _)| version.strip_prefix('v')?.parse::<u32>().ok());
        format!("v{}", newest.unwrap() + 1)
    }

    async fn warnings(&self, code: &str) -> Vec<Event> {
        let events = self.platform.objects::<Event>(&self.app.name).list(&ListParams::default()).await.unwrap();
        of_us(&events.items, code).cloned().collect()
    }
}

/// Our own Events about the app.
fn of_us<'a>(events: &'a [Event], code: &str) -> impl Iterator<Item = &'a Event> {
    events.iter().filter(move |event| event.reason.as_deref() == Some(code))
}

/// Without what differs from run to run.
fn redacted(sentence: &str) -> String {
    let words = sentence.split(' ').collect::<Vec<_>>();
    let mut shown = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| words.get(index));
        let is_time = before == Some(&"after") && word.bytes().all(|byte| byte.is_ascii_digit());
        shown.push(if is_time { "[n]" } else { word });
    }
    shown.join(" ")
}

/// Its process has ended so often: the kubelet counts how often it was started again.
pub(super) fn ended(pod: &Pod, times: i32) -> bool {
    container(pod).is_some_and(|container| {
        let ended = |state: Option<&ContainerState>| state.is_some_and(|state| state.terminated.is_some());
        let runs = container.state.as_ref().is_some_and(|state| state.running.is_some());
        let has_ended = ended(container.state.as_ref()) || ended(container.last_state.as_ref());
        has_ended && container.restart_count + i32::from(!runs) >= times
    })
}

pub(super) fn was_killed_for_memory(pod: &Pod) -> bool {
    let states =
        container(pod).into_iter().flat_map(|container| [container.state.as_ref(), container.last_state.as_ref()]);
    states
        .flatten()
        .any(|state| state.terminated.as_ref().is_some_and(|ended| ended.reason.as_deref() == Some("OOMKilled")))
}

pub(super) fn is_unschedulable(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.reason.as_deref() == Some("Unschedulable"))
}

pub(super) fn image_of(pod: &Pod) -> Option<&String> {
    pod.spec.as_ref()?.containers.first()?.image.as_ref()
}

/// Kubernetes knows why.
pub(super) fn cannot_be_pulled(pod: &Pod) -> bool {
    let waiting = container(pod).and_then(|container| container.state.as_ref()?.waiting.as_ref());
    let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
    reason.is_some_and(|reason| ["ErrImagePull", "ImagePullBackOff"].contains(&reason))
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}
