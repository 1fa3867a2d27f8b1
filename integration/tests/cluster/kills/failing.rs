use std::path::Path;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams};
use reqwest::{Client, Response};
use serde_json::Value;

use crate::support::{Forward, Platform, eventually, helm, is_ready};

/// Where failpoints are armed.
const PORT: u16 = 9099;

/// The platform with processes that can be made to die at a point: two controllers and two builders.
pub(super) struct Failing<'a> {
    platform: &'a Platform,
}

impl<'a> Failing<'a> {
    /// Upgrades the platform to the images that `scripts/failpoint-images` has made.
    pub(super) async fn install(platform: &'a Platform) -> Self {
        let values = root().join("target/failpoints/images/images.yaml");
        assert!(values.exists(), "{} is missing: run `make test`", values.display());
        let (chart, values) = (root().join("charts/workflow"), values.display().to_string());
        let chart = chart.display().to_string();
        helm(&["upgrade", "deis", &chart, "--reuse-values", "--values", &values]).await;
        Self { platform }
    }

    /// Has the shipped images run again.
    pub(super) async fn remove(self) {
        helm(&["rollback", "deis"]).await;
    }

    /// The points that a service's process knows.
    pub(super) async fn names(&self, service: &str) -> Vec<String> {
        let pod = self.pods(service).await.pop().unwrap();
        let shown: Value = self.ask(&pod, |client, url| client.get(url)).await.unwrap().json().await.unwrap();
        shown.get("passed").and_then(Value::as_object).unwrap().keys().cloned().collect()
    }

    /// Has whichever process of the service comes to the point first die there.
    pub(super) async fn arm(&self, service: &str, point: &str) {
        for pod in self.pods(service).await {
            let armed = self.ask(&pod, |client, url| client.put(format!("{url}/{point}"))).await.unwrap();
            assert!(armed.status().is_success(), "{point}: {armed:?}");
        }
    }

    /// Waits until a process has died, and has the others live.
    pub(super) async fn until_dead(&self, service: &str, point: &str) {
        let what = format!("{service} has died at {point}");
        let pods = eventually(&what, &self.platform.own(), &format!("app=deis-{service}"), |pods| {
            pods.iter().any(|pod| restarts(pod) > 0)
        })
        .await;
        for pod in pods.iter().filter(|pod| restarts(pod) == 0) {
            // One that dies now in its turn does not answer.
            drop(self.ask(&pod.name_any(), |client, url| client.delete(url)).await);
        }
    }

    /// Waits until all processes are back, in new pods: the kubelet has those wait that die often.
    pub(super) async fn mend(&self, service: &str) {
        let (pods, label) = (self.platform.own::<Pod>(), format!("app=deis-{service}"));
        eventually(&format!("{service} is back"), &pods, &label, |pods| pods.iter().all(is_ready)).await;
        for pod in pods.list(&ListParams::default().labels(&label)).await.unwrap() {
            if restarts(&pod) > 0 {
                #[expect(clippy::disallowed_methods, reason = "what somebody does by hand")]
                pods.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await.unwrap();
            }
        }
        eventually(&format!("{service} is new"), &pods, &label, |pods| {
            pods.iter().all(|pod| is_ready(pod) && restarts(pod) == 0 && pod.metadata.deletion_timestamp.is_none())
        })
        .await;
    }

    async fn pods(&self, service: &str) -> Vec<String> {
        let label = ListParams::default().labels(&format!("app=deis-{service}"));
        let pods = self.platform.own::<Pod>().list(&label).await.unwrap();
        let staying = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        staying.map(kube::ResourceExt::name_any).collect()
    }

    async fn ask(
        &self,
        pod: &str,
        request: impl Fn(&Client, &str) -> reqwest::RequestBuilder,
    ) -> reqwest::Result<Response> {
        let forward = Forward::to(self.platform.own(), pod, PORT).await;
        request(&Client::new(), &forward.url).send().await
    }
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    statuses.iter().map(|status| status.restart_count).sum()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
