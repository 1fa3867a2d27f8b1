//! From where an app's pod stands, every port of every part of the platform is closed to those who show nothing, under the names of
//! its Service and at the addresses of its pods.

mod closed;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt as _;
use kube::api::ListParams;

use crate::support::{Developer, Platform, Tunnel};
use closed::Visitor;

/// A port of a part, at one of its addresses.
#[derive(Clone, Debug)]
struct Place {
    /// "deis-etcd".
    part: String,
    /// "client".
    port: String,
    /// "deis-etcd.deis:2379".
    address: String,
}

/// How a port is closed.
#[derive(Clone, Copy)]
enum Lock {
    /// TLS, with a certificate of the platform's for the client.
    Certificate,
    /// The password of PostgreSQL's user, by SCRAM.
    DatabasePassword,
    /// The password of Redis.
    RedisPassword,
    /// HTTP: each of these is answered with 401.
    Login(&'static [&'static str]),
    /// The token of a build.
    BuildToken,
    /// Nothing but health and figures.
    Figures,
    /// Everybody's, for the reason that stands there.
    Open,
}

/// A part or a port that is new has to be entered here.
fn lock(part: &str, port: &str) -> Option<Lock> {
    Some(match (part, port) {
        ("deis-database", "postgresql") => Lock::DatabasePassword,
        ("deis-logger-redis", "redis") => Lock::RedisPassword,
        ("deis-etcd", "client") | (_, "grpc") => Lock::Certificate,
        ("deis-registry", "registry") => Lock::Login(&[
            "GET /v2/",
            "GET /v2/_catalog",
            "GET /v2/app/tags/list",
            "GET /v2/app/manifests/latest",
            "POST /v2/app/blobs/uploads/",
            "DELETE /v2/app/manifests/latest",
        ]),
        // The node's door, which is on its loopback for containerd alone, is in the pod as well.
        ("deis-registry-proxy", "registry") => Lock::Login(&["GET /v2/", "GET /v2/app/manifests/latest"]),
        // The API, which the router leads to; its methods decide by the user's token.
        ("deis-workflow", "http") => Lock::Login(&["GET /v2/", "GET /v2/apps/", "GET /v2/users/", "POST /v2/apps/"]),
        ("deis-builder", "build") => Lock::BuildToken,
        // Probes and monitoring have no credentials.
        (_, "admin") => Lock::Figures,
        // SSH, the developers' door: it asks for the key of a user (services/builder/tests/refused.rs).
        ("deis-builder" | "deis-router", "git") => Lock::Open,
        // The apps' door for everybody on the internet.
        ("deis-router", "http" | "https") => Lock::Open,
        _ => return None,
    })
}

#[tokio::test]
async fn no_store_answers_a_stranger() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "stranger").await;
    let tunnel = Tunnel::push(&platform, &developer).await;
    let visitor = Visitor::new(&platform, &tunnel).await;

    let pods = of_pods(&platform).await;
    let places = [pods.clone(), of_services(&platform).await].concat();
    let parts = places.iter().map(|place| place.part.as_str()).collect::<BTreeSet<_>>();
    assert_eq!(parts.len(), 11, "{parts:?}");
    let mut open = Vec::new();
    for Place { part, port, address } in &places {
        let lock = lock(part, port).unwrap_or_else(|| panic!("how is the port {port} of {part} closed?"));
        if let Err(problem) = visitor.find_closed(lock, part, address).await {
            open.push(format!("{part} {port} at {address}: {problem}"));
        }
    }
    assert!(open.is_empty(), "{open:#?}");

    // etcd's members would talk without any lock: at a port for the pod itself alone.
    let etcd = pods.iter().filter_map(|place| place.address.strip_suffix(":2379")).collect::<Vec<_>>();
    assert!(!etcd.is_empty(), "{pods:#?}");
    for host in etcd {
        let closed = tunnel.dial(&format!("{host}:2380")).await.map(drop).unwrap_err();
        assert!(closed.contains("connection refused"), "{host}: {closed}");
    }
}

/// Every port that a running pod of the platform has.
async fn of_pods(platform: &Platform) -> Vec<Place> {
    let pods = platform.own::<Pod>().list(&ListParams::default().labels("heritage=deis")).await.unwrap();
    let running = pods.into_iter().filter(|pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
    });
    running.flat_map(|pod| of_pod(&pod)).collect()
}

fn of_pod(pod: &Pod) -> Vec<Place> {
    let part = pod.labels().get("app").unwrap();
    let address = pod.status.as_ref().and_then(|status| status.pod_ip.as_ref()).unwrap();
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    let place = |name: &str, number: i32| Place {
        part: part.clone(),
        port: name.to_owned(),
        address: format!("{address}:{number}"),
    };
    ports.map(|port| place(port.name.as_deref().unwrap(), port.container_port)).collect()
}

/// Every port of a Service of the platform, under its names and at its address.
async fn of_services(platform: &Platform) -> Vec<Place> {
    let services = platform.own::<Service>().list(&ListParams::default()).await.unwrap();
    services.iter().flat_map(of_service).collect()
}

fn of_service(service: &Service) -> Vec<Place> {
    let (name, spec) = (service.name_any(), service.spec.as_ref().unwrap());
    let part = spec.selector.as_ref().and_then(|selector| selector.get("app")).unwrap();
    let hosts = [Some(format!("{name}.deis")), Some(format!("{name}.deis.svc.cluster.local")), spec.cluster_ip.clone()];
    let hosts = hosts.into_iter().flatten().filter(|host| host != "None").collect::<Vec<_>>();
    let ports = spec.ports.iter().flatten();
    let places = ports.flat_map(|port| {
        let Some(IntOrString::String(target)) = &port.target_port else {
            panic!("{name} leads to {:?}", port.target_port)
        };
        let place = |host| Place { part: part.clone(), port: target.clone(), address: format!("{host}:{}", port.port) };
        hosts.iter().map(place).collect::<Vec<_>>()
    });
    places.collect()
}
