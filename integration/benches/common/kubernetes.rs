//! Kubernetes as its clients see it: etcd and API servers, and nothing that acts by itself.

use std::path::Path;

use axum::http::{Method, Request};
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::Value;

use crate::exec::command;
use crate::pki::Pki;
use crate::process::{Process, until};

const ETCD: &str = "http://127.0.0.1:2379";

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

/// An API server with nothing in it but what it makes for itself.
pub(crate) struct ApiServer {
    pub(crate) process: Process,
    pub(crate) kubeconfig: String,
    client: Client,
}

impl ApiServer {
    /// The number tells it from the others; `without` are admission plug-ins that it is to do without.
    pub(crate) async fn start(
        number: usize,
        address: &str,
        without: &str,
        programs: &Path,
        folder: &Path,
        pki: &Pki,
    ) -> Self {
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
            format!("--disable-admission-plugins={without}"),
            format!("--client-ca-file={}", pki.path("apiserver/ca.crt")),
            format!("--tls-cert-file={}", pki.path("apiserver/tls.crt")),
            format!("--tls-private-key-file={}", pki.path("apiserver/tls.key")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", pki.path("tokens.pub")),
            format!("--service-account-signing-key-file={}", pki.path("tokens.key")),
        ]);
        // It makes some ten thousand objects, most of whose cost would be the search for garbage.
        api.env("GOGC", "400");
        let process = Process::start(&mut api, &folder.join(format!("apiserver-{number}.log")));
        let kubeconfig = pki.kubeconfig(address);
        let config = Kubeconfig::read_from(&kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
        Self { process, kubeconfig, client: Client::try_from(config).unwrap() }
    }

    pub(crate) async fn ready(&self) {
        // The namespace comes last of what an API server makes for itself.
        until("the API server is ready", async || {
            self.send(Method::GET, "/api/v1/namespaces/default", None).await.is_ok()
                && self.send(Method::GET, "/readyz", None).await.is_ok()
        })
        .await;
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<String, kube::Error> {
        let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = Request::builder().method(method).uri(path).header("content-type", kind).body(body).unwrap();
        self.client.request_text(request).await
    }
}
