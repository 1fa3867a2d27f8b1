use k8s_openapi::api::core::v1::Pod;

use super::{Platform, eventually, is_ready, until_answers};

/// Values of the label `app` of the platform's pods.
pub(crate) const PARTS: [&str; 11] = [
    "deis-router",
    "deis-workflow",
    "deis-builder",
    "deis-registry",
    "deis-registry-proxy",
    "deis-state",
    "deis-etcd",
    "deis-database",
    "deis-logger",
    "deis-logger-agent",
    "deis-logger-redis",
];

/// Waits until every part has its pods back and the API reaches its store and is reached through the routers.
pub(crate) async fn recovered(platform: &Platform) {
    for part in PARTS {
        let what = format!("{part} is back");
        eventually(&what, &platform.own::<Pod>(), &format!("app={part}"), |pods| {
            !pods.is_empty() && pods.iter().all(|pod| is_ready(pod) && pod.metadata.deletion_timestamp.is_none())
        })
        .await;
    }
    until_answers(&format!("http://deis.{}/readiness", platform.domain), 200).await;
}
