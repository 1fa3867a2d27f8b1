//! Kubernetes as the routers see it: an API server with the Services of apps.

use std::net::SocketAddr;
use std::path::Path;

use axum::http::Method;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::kubernetes::ApiServer;
use crate::pki::Pki;
use crate::relay::Relay;

pub(crate) const DOMAIN: &str = "apps.bench";
/// Where the apps' pods would be: the backend.
const PODS: &str = "198.18.0.30";
const PODS_PORT: u16 = 8000;
/// How many objects are made at a time.
const AT_ONCE: usize = 24;
/// The names that a Service is served at.
const DOMAINS: &str = "router.deis.io/domains";
const SERVICES: &str = "/api/v1/namespaces/default/services";
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

/// An API server with the routable Services `app-0`, `app-1` and so on, all served by the backend.
pub(crate) struct Cluster {
    pub(crate) routes: usize,
    pub(crate) api: ApiServer,
    /// By this one the events are seen on their way.
    pub(crate) relayed: String,
    pub(crate) relay: Relay,
}

/// The addresses of the API server with this number, and of the relay before it.
pub(crate) fn addresses(number: usize) -> [String; 2] {
    [format!("198.18.0.{}", 40 + number), format!("198.18.0.{}", 50 + number)]
}

impl Cluster {
    /// Without any routes as yet.
    pub(crate) async fn start(number: usize, routes: usize, programs: &Path, folder: &Path, pki: &Pki) -> Self {
        let [address, relayed] = addresses(number);
        let api = ApiServer::start(number, &address, "ServiceAccount", programs, folder, pki).await;
        let upstream = SocketAddr::new(address.parse().unwrap(), 6443);
        let relay = Relay::start(SocketAddr::new(relayed.parse().unwrap(), 6443), upstream).await;
        Self { routes, api, relayed: pki.kubeconfig(&relayed), relay }
    }

    pub(crate) async fn fill(&self) {
        self.api.ready().await;
        let all = stream::iter(0..self.routes).map(|number| async move {
            self.api.send(Method::POST, SERVICES, Some(service(number))).await.unwrap();
            self.api.send(Method::POST, SLICES, Some(slice(number))).await.unwrap();
        });
        all.buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Has `app-0` served at another name.
    pub(crate) async fn rename(&self, name: &str) {
        let patch = json!({ "metadata": { "annotations": { DOMAINS: name } } });
        self.api.send(Method::PATCH, &format!("{SERVICES}/app-0"), Some(patch)).await.unwrap();
    }
}

/// As workflow makes them.
fn service(number: usize) -> Value {
    let name = format!("app-{number}");
    json!({
        "metadata": {
            "name": name,
            "labels": { "app": name, "heritage": "deis", "router.deis.io/routable": "true" },
            "annotations": { DOMAINS: name },
        },
        "spec": {
            "ports": [{ "name": "http", "port": 80, "targetPort": "http" }],
            "selector": { "app": name, "heritage": "deis", "router.deis.io/backend": "true" },
        },
    })
}

/// As Kubernetes makes them.
fn slice(number: usize) -> Value {
    let name = format!("app-{number}");
    json!({
        "metadata": {
            "name": format!("{name}-x7k2p"),
            "labels": {
                "app": name, "heritage": "deis", "router.deis.io/routable": "true",
                "kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "bench",
            },
        },
        "addressType": "IPv4",
        "ports": [{ "name": "http", "port": PODS_PORT, "protocol": "TCP" }],
        "endpoints": [{
            "addresses": [PODS],
            "conditions": { "ready": true, "serving": true, "terminating": false },
            "nodeName": "node",
            "targetRef": {
                "kind": "Pod", "namespace": "default", "name": format!("{name}-v1-web-x7k2p"),
                "uid": format!("00000000-0000-4000-8000-{number:012}"),
            },
        }],
    })
}
