//! The parts of the platform in namespace `deis`.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Service};

use crate::support::{Platform, eventually, is_ready};

#[tokio::test]
async fn every_part_runs_and_is_ready() {
    let platform = Platform::connect().await;
    assert_eq!(
        platform.names::<Deployment>("deis").await,
        ["deis-builder", "deis-logger", "deis-router", "deis-state", "deis-workflow"],
    );
    assert_eq!(
        platform.names::<StatefulSet>("deis").await,
        ["deis-database", "deis-etcd", "deis-logger-redis", "deis-registry"],
    );
    assert_eq!(platform.names::<DaemonSet>("deis").await, ["deis-logger-agent", "deis-registry-proxy"]);
    eventually("all pods of the platform are ready", &platform.own::<Pod>(), "heritage=deis", |pods| {
        !pods.is_empty() && pods.iter().all(is_ready_or_done)
    })
    .await;
}

#[tokio::test]
async fn every_data_store_has_a_volume() {
    let platform = Platform::connect().await;
    let claims = platform.names::<PersistentVolumeClaim>("deis").await;
    for part in ["deis-builder", "deis-database", "deis-etcd", "deis-logger-redis", "deis-registry"] {
        assert!(claims.iter().any(|claim| claim.contains(part)), "{part} has no volume among {claims:?}");
    }
}

#[tokio::test]
async fn the_router_has_an_address() {
    let platform = Platform::connect().await;
    let service = platform.own::<Service>().get("deis-router").await.unwrap();
    let ports = service.spec.unwrap().ports.unwrap_or_default();
    let mut ports = ports.iter().map(|port| port.port).collect::<Vec<_>>();
    ports.sort_unstable();
    assert_eq!(ports, [80, 443, 2222]);
    let balancer = service.status.and_then(|status| status.load_balancer).and_then(|balancer| balancer.ingress);
    assert!(balancer.is_some_and(|addresses| !addresses.is_empty()), "deis-router has no external address");
}

/// The hook's pod has ended by itself, and stays for its log.
fn is_ready_or_done(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    phase == Some("Succeeded") || is_ready(pod)
}
