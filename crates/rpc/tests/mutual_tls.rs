//! Server and client through real sockets: who is let in, who is not, and what both sides learn.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests assert by panicking and spawn the server")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use deis_api::Code;
use deis_rpc::{Contract, Fault, Identity, Server, connect, request};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// A contract over the one service that every server has: "builder" may check, "nobody" may watch.
const CONTRACT: Contract = Contract {
    callers: &[
        ("/grpc.health.v1.Health/Check", &["builder", "build-pod"]),
        ("/grpc.health.v1.Health/Watch", &["nobody"]),
    ],
    descriptors: &[],
};

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn write(&self, service: &str, folder: &Path) {
        let mut params = CertificateParams::new([format!("deis-{service}")]).unwrap();
        let uri = format!("spiffe://deis/{service}");
        params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
        std::fs::write(folder.join("ca.crt"), &self.pem).unwrap();
        std::fs::write(folder.join("tls.crt"), certificate.pem()).unwrap();
    }

    fn identity(&self, service: &str) -> (TempDir, Identity) {
        let folder = tempfile::tempdir().unwrap();
        self.write(service, folder.path());
        let identity = Identity::load(folder.path()).unwrap();
        assert_eq!(identity.service(), service);
        (folder, identity)
    }
}

/// Serves until the sender is dropped.
async fn serve(server: Server) -> (SocketAddr, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(server.serve(listener, async {
        drop(stopped.await);
    }));
    (address, stop)
}

async fn check(peer: &'static str, address: SocketAddr, identity: &Identity) -> Result<ServingStatus, Fault> {
    let client = connect(peer, format!("https://{address}").parse().unwrap(), identity);
    let call = request(HealthCheckRequest { service: String::new() }, Duration::from_secs(5));
    match HealthClient::new(client).check(call).await {
        Ok(answer) => Ok(answer.into_inner().status()),
        Err(status) => Err(Fault::from(&status)),
    }
}

#[tokio::test]
async fn callers_of_the_contract_are_let_in_and_others_are_told() {
    let authority = Authority::new();
    let (_state_files, state) = authority.identity("state");
    let (_builder_files, builder) = authority.identity("builder");
    let (_router_files, router) = authority.identity("router");
    let server = Server::new(&state, CONTRACT);
    let calls = server.calls();
    let (address, _stop) = serve(server).await;

    assert_eq!(check("state", address, &builder).await, Ok(ServingStatus::Serving));
    let refused = check("state", address, &router).await.unwrap_err();
    assert_eq!(refused.code, Code::PermissionDenied);
    assert_eq!(refused.message, "router may not call /grpc.health.v1.Health/Check");
    let counted = format!("{calls:?}");
    assert!(counted.contains("/grpc.health.v1.Health/Check"), "{counted}");
}

#[tokio::test]
async fn strangers_and_wrong_peers_get_no_connection() {
    let authority = Authority::new();
    let (_state_files, state) = authority.identity("state");
    let (_builder_files, builder) = authority.identity("builder");
    let (_stranger_files, stranger) = Authority::new().identity("builder");
    let (address, _stop) = serve(Server::new(&state, CONTRACT)).await;

    let fault = check("state", address, &stranger).await.unwrap_err();
    assert_eq!((fault.code, fault.retryable), (Code::Unavailable, true));
    let fault = check("workflow", address, &builder).await.unwrap_err();
    assert_eq!(fault.code, Code::Unavailable, "the peer is state, not workflow");
}

#[tokio::test]
async fn renewed_certificates_are_taken_up_and_broken_ones_are_not() {
    let authority = Authority::new();
    let (state_files, state) = authority.identity("state");
    let (_builder_files, builder) = authority.identity("builder");
    let (address, _stop) = serve(Server::new(&state, CONTRACT)).await;
    assert_eq!(check("state", address, &builder).await, Ok(ServingStatus::Serving));

    authority.write("workflow", state_files.path());
    assert_eq!(check("workflow", address, &builder).await, Ok(ServingStatus::Serving));

    std::fs::write(state_files.path().join("tls.crt"), "not PEM").unwrap();
    assert_eq!(check("workflow", address, &builder).await, Ok(ServingStatus::Serving));
}

#[tokio::test]
async fn an_anonymous_listener_knows_one_kind_of_client() {
    let authority = Authority::new();
    let (_builder_files, builder) = authority.identity("builder");
    let (_router_files, router) = authority.identity("router");
    let (address, _stop) = serve(Server::anonymous(&builder, CONTRACT, "build-pod")).await;
    assert_eq!(check("builder", address, &router).await, Ok(ServingStatus::Serving));
}

#[tokio::test]
async fn files_that_are_missing_or_nameless_are_refused() {
    let empty = tempfile::tempdir().unwrap();
    assert!(Identity::load(empty.path()).unwrap_err().to_string().starts_with("cannot read "));

    let authority = Authority::new();
    let (files, _identity) = authority.identity("state");
    let key = KeyPair::generate().unwrap();
    let nameless =
        CertificateParams::new(["deis-state".to_owned()]).unwrap().signed_by(&key, &authority.issuer).unwrap();
    std::fs::write(files.path().join("tls.crt"), nameless.pem()).unwrap();
    std::fs::write(files.path().join("tls.key"), key.serialize_pem()).unwrap();
    let refusal = Identity::load(files.path()).unwrap_err().to_string();
    assert!(refusal.contains("has no URI of the form spiffe://deis/<service>"), "{refusal}");
}
