//! Kubernetes as the routers see it: etcd and an API server, and nothing that acts by itself.

use std::net::SocketAddr;
use std::path::Path;

use axum::http::{Method, Request};
use futures_util::{StreamExt as _, stream};
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use crate::exec::command;
use crate::pki::Pki;
use crate::process::{Process, until};
use crate::relay::Relay;

pub(crate) const DOMAIN: &str = "apps.bench";
/// Where the apps' pods would be: the backend.
const PODS: &str = "198.18.0.30";
const PODS_PORT: u16 = 8000;
const ETCD: &str = "http://127.0.0.1:2379";
/// How many objects are made at a time.
const AT_ONCE: usize = 24;
/// The names that a Service is served at.
const DOMAINS: &str = "router.deis.io/domains";
const SERVICES: &str = "/api/v1/namespaces/default/services";
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

/// One for all API servers, each of which has a part of it.
pub(crate) fn start_etcd(programs: &Path, folder: &Path) -> Process {
    let mut etcd = command(programs.join("etcd").to_str().unwrap());
    etcd.arg("--data-dir").arg(folder.join("etcd")).args([
        "--listen-client-urls",
        ETCD,
        "--advertise-client-urls",
        ETCD,
    ]);
    Process::start(&mut etcd, &folder.join("etcd.log"))
}

/// An API server with the routable Services `app-0`, `app-1` and so on, all served by the backend.
pub(crate) struct Cluster {
    pub(crate) routes: usize,
    _api: Process,
    pub(crate) client: Client,
    pub(crate) kubeconfig: String,
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
        let mut api = command(programs.join("kube").to_str().unwrap());
        api.arg("kube-apiserver").args([
            format!("--etcd-servers={ETCD}"),
            format!("--etcd-prefix=/{number}"),
            format!("--bind-address={address}"),
            format!("--advertise-address={address}"),
            "--service-cluster-ip-range=10.96.0.0/12".to_owned(),
            // Who may do what is not measured, nor who comes first.
            "--enable-priority-and-fairness=false".to_owned(),
            "--authorization-mode=AlwaysAllow".to_owned(),
            "--disable-admission-plugins=ServiceAccount".to_owned(),
            format!("--client-ca-file={}", pki.path("apiserver/ca.crt")),
            format!("--tls-cert-file={}", pki.path("apiserver/tls.crt")),
            format!("--tls-private-key-file={}", pki.path("apiserver/tls.key")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", pki.path("tokens.pub")),
            format!("--service-account-signing-key-file={}", pki.path("tokens.key")),
        ]);
        // It makes some ten thousand objects, most of whose cost would be the search for garbage.
        api.env("GOGC", "400");
        let api = Process::start(&mut api, &folder.join(format!("apiserver-{number}.log")));
        let kubeconfig = pki.kubeconfig(&address);
        let config = Kubeconfig::read_from(&kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
        let client = Client::try_from(config).unwrap();
        let upstream = SocketAddr::new(address.parse().unwrap(), 6443);
        let relay = Relay::start(SocketAddr::new(relayed.parse().unwrap(), 6443), upstream).await;
        Self { routes, _api: api, client, kubeconfig, relayed: pki.kubeconfig(&relayed), relay }
    }

    pub(crate) async fn fill(&self) {
        // The namespace comes last of what an API server makes for itself.
        until("the API server is ready", async || {
            self.send(Method::GET, "/api/v1/namespaces/default", None).await.is_ok()
                && self.send(Method::GET, "/readyz", None).await.is_ok()
        })
        .await;
        let all = stream::iter(0..self.routes).map(|number| async move {
            self.send(Method::POST, SERVICES, Some(service(number))).await.unwrap();
            self.send(Method::POST, SLICES, Some(slice(number))).await.unwrap();
        });
        all.buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// Has `app-0` served at another name.
    pub(crate) async fn rename(&self, name: &str) {
        let patch = json!({ "metadata": { "annotations": { DOMAINS: name } } });
        self.send(Method::PATCH, &format!("{SERVICES}/app-0"), Some(patch)).await.unwrap();
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<String, kube::Error> {
        let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = Request::builder().method(method).uri(path).header("content-type", kind).body(body).unwrap();
        self.client.request_text(request).await
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
