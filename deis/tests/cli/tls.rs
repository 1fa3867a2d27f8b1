//! A platform whose certificate is signed by an authority of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

use crate::stub::StubBuilder;
use crate::transcript::Machine;

struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            // A client that does not trust us hangs up; the next one may.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// A controller that knows nobody, and the certificate of its authority.
fn controller(runtime: &Runtime) -> (SocketAddr, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();

    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let tcp = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let listener = TlsListener { tcp, acceptor: TlsAcceptor::from(Arc::new(config)) };
    let address = listener.local_addr().unwrap();
    let refusal = || async { (StatusCode::UNAUTHORIZED, [("deis_api_version", "2.3")], "{}") };
    runtime.spawn(async move { axum::serve(listener, Router::new().fallback(refusal)).await });
    (address, authority.pem())
}

#[test]
fn the_certificate_is_checked_unless_the_user_says_otherwise() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (address, authority) = controller(&runtime);
    let machine = Machine::fresh(StubBuilder::new());
    machine.write("authority.pem", &authority);
    let authority = machine.path("authority.pem");
    let login = format!("login https://{address} --username=bob --password=s3cret");

    let told = machine.run(&login);
    assert!(told.contains("because: invalid peer certificate: UnknownIssuer"), "{told}");
    assert!(told.contains("Hint: If the platform has a certificate authority of its own"), "{told}");

    // Past the handshake the controller refuses everybody, and that is told.
    let refusal = "Error: Unauthorized: Missing or Invalid Token";
    let told = machine.run_with(&login, &[("SSL_CERT_FILE", authority.to_str().unwrap())], "");
    assert!(told.contains(refusal), "{told}");
    let told = machine.run(&format!("{login} --ssl-verify=false"));
    assert!(told.contains(refusal), "{told}");
}
