//! The proxy behind its real edges.

use std::net::{Ipv4Addr, SocketAddr};

use clap::Parser as _;
use deis_bootstrap::Context;
use deis_proto::registry::registry_proxy_service_client::RegistryProxyServiceClient;
use deis_proto::registry::{GetStatusRequest, GetStatusResponse};
use deis_registry_proxy::Config;
use deis_rpc::{Identity, connect};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, Method, RequestBuilder};
use sha2::Sha256;
use tempfile::TempDir;

use super::authority::Authority;
use super::registry::{MANIFEST, PASSWORD, Registry, USERNAME};

const PULL_KEY: &[u8] = b"the pull key of a test";

pub struct Proxy {
    pub context: Context,
    pub door: SocketAddr,
    grpc: SocketAddr,
    folder: TempDir,
    client: Client,
}

impl Proxy {
    pub async fn start(registry: &Registry) -> Self {
        Self::start_with(registry, PASSWORD).await
    }

    /// With a password of its own for the registry.
    pub async fn start_with(registry: &Registry, password: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let authority = Authority::new();
        authority.certify_service("registry-proxy", &path("tls"));
        authority.certify_service("operator", &path("operator"));
        std::fs::write(path("username"), USERNAME).unwrap();
        std::fs::write(path("password"), password).unwrap();
        std::fs::write(path("key"), PULL_KEY).unwrap();

        let context = Context::new("registry-proxy");
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        let (door, grpc) = (context.bind(any).await.unwrap(), context.bind(any).await.unwrap());
        let proxy = Self {
            context: context.clone(),
            door: door.local_addr().unwrap(),
            grpc: grpc.local_addr().unwrap(),
            client: Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap(),
            folder,
        };
        let config = Config::parse_from([
            "registry-proxy".to_owned(),
            format!("--registry=http://{}", registry.address),
            format!("--tls={}", proxy.folder.path().join("tls").display()),
            format!("--credentials={}", proxy.folder.path().display()),
            format!("--pull-key={}", proxy.folder.path().join("key").display()),
        ]);
        let serving = deis_registry_proxy::run_on(door, grpc, config, context.clone());
        context.tasks.spawn("service", async { serving.await.unwrap() });
        proxy
    }

    /// A request with an app's pull credentials that accepts OCI manifests, as container runtimes do.
    pub fn request(&self, method: Method, path: &str, app: &str) -> RequestBuilder {
        self.anonymous(method, path).basic_auth(app, Some(password(app))).header("accept", MANIFEST)
    }

    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.door))
    }

    pub async fn status(&self) -> GetStatusResponse {
        let operator = Identity::load(self.folder.path().join("operator")).unwrap();
        let channel = connect("registry-proxy", format!("https://{}", self.grpc).parse().unwrap(), &operator);
        let answer = RegistryProxyServiceClient::new(channel).get_status(GetStatusRequest {}).await;
        answer.unwrap().into_inner()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

/// The password of an app, as workflow makes it.
pub fn password(app: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(PULL_KEY).unwrap();
    mac.update(format!("pull/v1/{app}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
