//! What each service holds in memory, all its pods together: the working set that the kubelet reports, which is what a limit counts.

use std::collections::BTreeMap;

use axum::http::Request;
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt as _};
use serde::Deserialize;

use crate::figure::{Figure, Unit};
use crate::support::Platform;

/// The services.
const SERVICES: [&str; 7] = [
    "deis-builder",
    "deis-logger",
    "deis-logger-agent",
    "deis-registry-proxy",
    "deis-router",
    "deis-state",
    "deis-workflow",
];
/// Data stores are counted by nobody; this one has a service's name in front.
const STORE: &str = "deis-logger-redis-";

/// What is read of a kubelet's `/stats/summary`.
#[derive(Deserialize)]
struct Summary {
    pods: Vec<PodStats>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodStats {
    pod_ref: PodReference,
    #[serde(default)]
    containers: Vec<ContainerStats>,
}

#[derive(Deserialize)]
struct PodReference {
    name: String,
    namespace: String,
}

#[derive(Deserialize)]
struct ContainerStats {
    memory: Option<Memory>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Memory {
    #[serde(default)]
    working_set_bytes: u64,
}

pub(crate) async fn measure(platform: &Platform) -> Vec<Figure> {
    let mut services = SERVICES.map(|service| (service, 0.0)).into_iter().collect::<BTreeMap<_, _>>();
    let nodes: Api<Node> = Api::all(platform.client.clone());
    for node in nodes.list(&ListParams::default()).await.unwrap() {
        for pod in summary(&platform.client, &node.name_any()).await.pods {
            let service = SERVICES.into_iter().filter(|service| pod.pod_ref.name.starts_with(&format!("{service}-")));
            // "deis-registry-proxy-x" is not of "deis-registry": the longest name counts.
            if let Some(service) = service.max_by_key(|service| service.len())
                && pod.pod_ref.namespace == "deis"
                && !pod.pod_ref.name.starts_with(STORE)
            {
                *services.entry(service).or_default() += held(&pod);
            }
        }
    }
    let sum = services.values().sum();
    let row = |name: &str, held, ceiling, goal| {
        assert!(held > 0.0, "{name}: the kubelet reports no memory");
        Figure { name: format!("memory of {name}"), unit: Unit::MiB, samples: vec![held], ceiling, goal }
    };
    let mut rows = services.iter().map(|(name, held)| row(name, *held, None, None)).collect::<Vec<_>>();
    rows.push(row("all services", sum, Some(512.0), Some(256.0)));
    rows
}

/// MiB.
fn held(pod: &PodStats) -> f64 {
    let bytes =
        pod.containers.iter().filter_map(|container| container.memory.as_ref()).map(|memory| memory.working_set_bytes);
    bytes.map(|bytes| bytes as f64 / 1024.0 / 1024.0).sum()
}

async fn summary(client: &Client, node: &str) -> Summary {
    let request = Request::get(format!("/api/v1/nodes/{node}/proxy/stats/summary")).body(Vec::new()).unwrap();
    client.request(request).await.unwrap()
}
