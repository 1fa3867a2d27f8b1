use deis_integration::agreement::Acknowledged;
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt as _;
use kube::api::{ListParams, Patch, PatchParams};

use super::record::{Recording, record};
use super::{Platform, Repository, eventually};

/// An app, as Kubernetes and the router show it.
pub(crate) struct App<'a> {
    platform: &'a Platform,
    pub(crate) name: String,
}

/// Ready backends of two releases at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backends {
    pub(crate) old: usize,
    pub(crate) new: usize,
}

impl<'a> App<'a> {
    /// The app that `deis create` names in its output: "… done, created earthy-instinct".
    pub(crate) fn named_in(platform: &'a Platform, output: &str) -> Self {
        let name = output.split("created ").nth(1).and_then(|rest| rest.split_whitespace().next());
        let name = name.expect("the output names the app").to_owned();
        platform.acknowledged(&name, |_| {});
        Self { platform, name }
    }

    /// Notes that a push ended: whether it was acknowledged, or broke off so that nobody knows what became of it.
    pub(crate) fn was_pushed(&self, commit: &str, is_acknowledged: bool) {
        self.platform.acknowledged(&self.name, |known| {
            if is_acknowledged {
                known.pushed = Some(commit.to_owned());
                known.broken_off.clear();
            } else {
                known.broken_off.insert(commit.to_owned());
            }
        });
    }

    /// Notes that a config value was acknowledged.
    pub(crate) fn was_configured(&self, key: &str, value: &str) {
        self.platform.acknowledged(&self.name, |known| {
            known.config.insert(key.to_owned(), value.to_owned());
        });
    }

    /// Notes that somebody asked for so many `web` processes.
    pub(crate) fn was_scaled(&self, replicas: u32, is_acknowledged: bool) {
        self.platform.acknowledged(&self.name, |known| {
            let web = known.structure.entry("web".to_owned()).or_insert_with(|| [1].into());
            if is_acknowledged {
                web.clear();
            }
            web.insert(replicas);
        });
    }

    /// Notes that somebody destroyed the app. When that was not acknowledged, it may be gone all the same: then nothing holds that
    /// was ever acknowledged.
    pub(crate) fn was_destroyed(&self, is_acknowledged: bool) {
        self.platform.acknowledged(&self.name, |known| {
            *known = Acknowledged { destroyed: is_acknowledged, ..Acknowledged::default() };
        });
    }

    /// The ReplicationControllers as ("v2-web", replicas asked for), ordered by name.
    pub(crate) async fn controllers(&self) -> Vec<(String, i32)> {
        let list = self.platform.objects::<ReplicationController>(&self.name).list(&ListParams::default()).await;
        let mut controllers =
            list.unwrap().into_iter().map(|controller| self.replicas(&controller)).collect::<Vec<_>>();
        controllers.sort();
        controllers
    }

    fn replicas(&self, controller: &ReplicationController) -> (String, i32) {
        let name = controller.name_any();
        let short = name.strip_prefix(&format!("{}-", self.name)).unwrap_or(&name).to_owned();
        (short, controller.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1))
    }

    /// Waits until the ReplicationControllers are as they should be.
    pub(crate) async fn eventually_controllers(&self, what: &str, mut is_so: impl FnMut(&[(String, i32)]) -> bool) {
        let api = self.platform.objects::<ReplicationController>(&self.name);
        eventually(what, &api, "", |controllers| {
            is_so(&controllers.iter().map(|controller| self.replicas(controller)).collect::<Vec<_>>())
        })
        .await;
    }

    /// The pods of the newest release as its ReplicationController makes them now: what was asked for is there without waiting.
    pub(crate) async fn template(&self) -> serde_json::Value {
        let list = self.platform.objects::<ReplicationController>(&self.name).list(&ListParams::default()).await;
        let newest = list.unwrap().into_iter().max_by_key(|controller| version_of(controller.labels()));
        serde_json::to_value(newest.unwrap().spec.unwrap().template.unwrap().spec).unwrap()
    }

    /// Waits until the newest release has come up in part and the one before it has not gone.
    pub(crate) async fn between_batches(&self) {
        let what = format!("{} is between two batches", self.name);
        self.eventually_controllers(&what, |controllers| {
            controllers.len() == 2 && controllers.iter().all(|(_name, replicas)| *replicas > 0)
        })
        .await;
    }

    /// The processes' pods, ordered by name.
    pub(crate) async fn pods(&self) -> Vec<Pod> {
        let processes = ListParams::default().labels("heritage=deis,type=web");
        let mut pods = self.platform.objects::<Pod>(&self.name).list(&processes).await.unwrap().items;
        pods.sort_by_key(kube::ResourceExt::name_any);
        pods
    }

    /// Waits until the processes' pods are as they should be.
    pub(crate) async fn eventually_pods(&self, what: &str, is_so: impl FnMut(&[Pod]) -> bool) -> Vec<Pod> {
        eventually(what, &self.platform.objects(&self.name), "heritage=deis,type=web", is_so).await
    }

    /// Sets a label of a pod, as somebody with kubectl would.
    pub(crate) async fn relabel(&self, pod: &str, label: &str, value: &str) {
        let patch = Patch::Merge(serde_json::json!({ "metadata": { "labels": { label: value } } }));
        #[expect(clippy::disallowed_methods, reason = "what somebody does by hand")]
        let patched = self.platform.objects::<Pod>(&self.name).patch(pod, &PatchParams::default(), &patch).await;
        patched.unwrap();
    }

    /// GET / through the router: status and body.
    pub(crate) async fn get(&self) -> (u16, String) {
        let answer = reqwest::get(format!("http://{}.{}/", self.name, self.platform.domain)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// `deis releases` as (version, summary), newest first.
    pub(crate) async fn releases(&self, repository: &Repository<'_>) -> Vec<(String, String)> {
        let output = repository.deis(&["releases"]).await.succeeded();
        let mut lines = output.stdout.lines();
        // Of many, how many are shown stands behind it.
        let head = lines.next().unwrap_or_default();
        assert!(head.starts_with(&format!("=== {} Releases", self.name)), "{output}");
        let lines = lines.filter(|line| !line.is_empty());
        lines
            .map(|line| {
                let mut words = line.split_whitespace();
                let version = words.next().unwrap().to_owned();
                let _created = words.next();
                (version, words.collect::<Vec<_>>().join(" "))
            })
            .collect()
    }

    /// Follows what the ReplicationControllers of the two newest releases are asked for: (old, new) at each change.
    pub(crate) fn record_controllers(&self) -> Recording<(i32, i32)> {
        record(self.platform.objects(&self.name), |controllers: &[ReplicationController]| {
            let mut replicas = controllers
                .iter()
                .map(|controller| {
                    (version_of(controller.labels()), controller.spec.as_ref().and_then(|spec| spec.replicas))
                })
                .collect::<Vec<_>>();
            replicas.sort();
            match replicas.as_slice() {
                [.., (_, Some(old)), (_, Some(new))] => Some((*old, *new)),
                _ => None,
            }
        })
    }

    /// Follows the ready backends of the two newest releases.
    pub(crate) fn record_backends(&self) -> Recording<Backends> {
        record(self.platform.objects(&self.name), |slices: &[EndpointSlice]| {
            let mut pods = slices.iter().flat_map(ready_pods).collect::<Vec<_>>();
            pods.sort();
            let versions = pods.iter().filter_map(|pod| pod.rsplit('-').nth(2)).collect::<Vec<_>>();
            let newest = versions.iter().max()?;
            let new = versions.iter().filter(|version| *version == newest).count();
            Some(Backends { old: versions.len() - new, new })
        })
    }
}

/// The names of the pods that the Service serves.
pub(crate) async fn ready_backends(platform: &Platform, app: &str) -> Vec<String> {
    let slices = platform.objects::<EndpointSlice>(app).list(&ListParams::default()).await.unwrap();
    slices.iter().flat_map(ready_pods).collect()
}

pub(super) fn ready_pods(slice: &EndpointSlice) -> Vec<String> {
    let endpoints = slice
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true));
    endpoints.filter_map(|endpoint| endpoint.target_ref.as_ref()?.name.clone()).collect()
}

/// Whether a pod is Ready.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn version_of(labels: &std::collections::BTreeMap<String, String>) -> i64 {
    labels.get("version").and_then(|version| version.strip_prefix('v')?.parse().ok()).unwrap_or(0)
}
