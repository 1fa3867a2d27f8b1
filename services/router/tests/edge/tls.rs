//! HTTPS.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use deis_bootstrap::deadline;
use http::Request;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{App, Authority, Edge, LIMIT, Seen, app};

pub(crate) async fn connect(
    edge: &Edge,
    authority: &Authority,
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    connect_to(edge, authority, "app.example.com", protocol).await
}

/// A client that names this host and takes certificates of this authority alone.
pub(crate) async fn connect_to(
    edge: &Edge,
    authority: &Authority,
    host: &'static str,
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let stream = TcpStream::connect(edge.https).await.unwrap();
    let name = host.try_into().unwrap();
    deadline(LIMIT, TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap()
}

pub(crate) fn request(uri: &str) -> Request<Full<Bytes>> {
    Request::get(uri).body(Full::default()).unwrap()
}

pub(crate) async fn started() -> (Edge, Authority) {
    let echo = App::echo().await;
    let edge = Edge::start(app(&[("ssl.enforce", "true")], &[echo.address])).await;
    let authority = Authority::new();
    authority.write_platform(&edge.folder.path().join("platform"));
    (edge, authority)
}

#[tokio::test]
async fn both_versions_of_http_are_served() {
    let (edge, authority) = started().await;

    let stream = connect(&edge, &authority, "http/1.1").await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    edge.context.tasks.spawn("client", connection);
    let mut plain = request("/one");
    plain.headers_mut().insert("host", "app.example.com".parse().unwrap());
    let seen = Seen::read(deadline(LIMIT, sender.send_request(plain)).await.unwrap().unwrap()).await;
    assert_eq!(seen.status, 200);
    assert!(seen.text.contains("x-forwarded-port: 443\nx-forwarded-proto: https"), "{}", seen.text);

    let stream = connect(&edge, &authority, "h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    edge.context.tasks.spawn("client", connection);
    let mut two = request("https://app.example.com/two?q");
    two.headers_mut().append("cookie", "a=1".parse().unwrap());
    two.headers_mut().append("cookie", "b=2".parse().unwrap());
    let seen = Seen::read(deadline(LIMIT, sender.send_request(two)).await.unwrap().unwrap()).await;
    assert_eq!(seen.status, 200);
    assert!(seen.text.starts_with("GET /two?q\ncookie: a=1; b=2\nhost: app.example.com\n"), "{}", seen.text);

    let mut torn = request("https://app.example.com/");
    torn.headers_mut().insert("host", "other.example.com".parse().unwrap());
    let seen = Seen::read(deadline(LIMIT, sender.send_request(torn)).await.unwrap().unwrap()).await;
    assert_eq!((seen.status, seen.header("deis-error-code")), (400, "invalid-argument"));
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_up() {
    let (edge, authority) = started().await;
    connect(&edge, &authority, "h2").await.unwrap();

    let renewed = Authority::new();
    let folder = edge.folder.path().join("platform");
    renewed.write_platform(&folder);
    // However fast this test is, the file is another one.
    let later = SystemTime::now() + Duration::from_secs(10);
    File::options().write(true).open(folder.join("tls.crt")).unwrap().set_modified(later).unwrap();
    connect(&edge, &renewed, "h2").await.unwrap();
    assert!(connect(&edge, &authority, "h2").await.is_err());

    std::fs::write(folder.join("tls.crt"), "no certificate").unwrap();
    connect(&edge, &renewed, "h2").await.unwrap();
}

#[tokio::test]
async fn without_a_certificate_there_is_no_handshake() {
    let edge = Edge::start([]).await;
    assert!(connect(&edge, &Authority::new(), "h2").await.is_err());
}
