//! Which certificate a client gets, and what becomes of connections when it changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use deis_bootstrap::deadline;
use deis_router::table::facts::{Certificate, Event};
use http::Request;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::support::{App, Authority, Edge, LIMIT, Seen, app, pods, service};
use crate::tls::{connect_to, request};

const DOMAINS: &str = "app,www.example.org,*.example.org,plain.example.net";
const NAMED: (&str, &str) = ("certificates", "www.example.org:app-1,*.example.org:app-2");

/// The app at more names than its own; `NAMED` says which of them have certificates.
fn named(certificates: (&str, &str)) -> Event {
    let Event::Service(mut facts) = service(&[certificates]) else { unreachable!() };
    facts.annotations.insert("domains".to_owned(), DOMAINS.to_owned());
    Event::Service(facts)
}

/// A router whose platform certificate is of one authority, and whose apps' are of another.
async fn started() -> (Edge, Authority, Authority) {
    let saying = App::saying("hello").await;
    let edge = Edge::start(pods(&[saying.address])).await;
    let (platform, apps) = (Authority::new(), Authority::new());
    platform.write_platform(&edge.folder.path().join("platform"));
    edge.change(named(NAMED)).await;
    (edge, platform, apps)
}

/// The certificate that a client of this authority is shown for a host, if it takes it.
async fn shown(edge: &Edge, authority: &Authority, host: &'static str) -> Option<Vec<u8>> {
    let stream = connect_to(edge, authority, host, "h2").await.ok()?;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    Some(stream.get_ref().1.peer_certificates().unwrap().first().unwrap().to_vec())
}

fn der(certificate: &Certificate) -> Vec<u8> {
    use rustls_pki_types::pem::PemObject as _;
    rustls_pki_types::CertificateDer::from_pem_slice(certificate.chain.as_bytes()).unwrap().to_vec()
}

#[tokio::test]
async fn each_name_has_its_certificate_within_a_second_of_the_watch() {
    let (edge, platform, apps) = started().await;
    assert!(shown(&edge, &apps, "www.example.org").await.is_none(), "it is not there yet");
    let exact = apps.certificate("app-1-cert", &["www.example.org"]);
    let wildcard = apps.certificate("app-2-cert", &["*.example.org"]);
    let begin = Instant::now();
    edge.change(Event::Certificate(exact.clone())).await;
    assert_eq!(shown(&edge, &apps, "www.example.org").await, Some(der(&exact)));
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    edge.change(Event::Certificate(wildcard.clone())).await;
    assert_eq!(shown(&edge, &apps, "www.example.org").await, Some(der(&exact)), "the exact name comes first");
    assert_eq!(shown(&edge, &apps, "WWW.Example.ORG").await, Some(der(&exact)));
    assert_eq!(shown(&edge, &apps, "shop.example.org").await, Some(der(&wildcard)));
    assert!(shown(&edge, &apps, "a.b.example.org").await.is_none(), "a wildcard is one label");
    assert!(shown(&edge, &platform, "app.example.com").await.is_some(), "the platform's, as ever");
    assert!(shown(&edge, &platform, "nobody.example.com").await.is_some(), "also for what nobody has");
    assert_eq!(edge.metric("certificates"), "deis_router_certificates 2");
}

/// A wildcard of another app is no certificate for this one's host.
#[tokio::test]
async fn no_app_is_served_with_another_ones_certificate() {
    let (edge, platform, apps) = started().await;
    edge.change(Event::Certificate(apps.certificate("app-2-cert", &["*.example.org", "*.example.com"]))).await;
    let Event::Service(mut other) = service(&[]) else { unreachable!() };
    other.key.name = "other".to_owned();
    other.annotations.insert("domains".to_owned(), "shop.example.org,other".to_owned());
    assert!(shown(&edge, &apps, "shop.example.org").await.is_some());
    edge.change(Event::Service(other)).await;
    assert!(shown(&edge, &apps, "shop.example.org").await.is_none());
    assert!(shown(&edge, &platform, "other.example.com").await.is_some());
}

#[tokio::test]
async fn a_broken_secret_leaves_the_last_good_one_and_is_counted() {
    let (edge, _platform, apps) = started().await;
    let good = apps.certificate("app-1-cert", &["www.example.org"]);
    edge.change(Event::Certificate(good.clone())).await;
    let [text, mismatch] = [("x".to_owned(), good.clone()), (good.chain.clone(), apps.certificate("", &["x.org"]))]
        .map(|(chain, key)| Certificate::new(good.secret.clone(), chain, key.key));
    edge.change(Event::Certificate(text)).await;
    assert_eq!(edge.metric("certificates_ignored"), "deis_router_certificates_ignored 1");
    edge.send(Event::Certificate(mismatch)).await;
    edge.send(Event::CertificateGone("app-1-cert".to_owned())).await;
    edge.until(|edge| edge.metric("certificates_ignored") == "deis_router_certificates_ignored 0").await;
    assert_eq!(shown(&edge, &apps, "www.example.org").await, Some(der(&good)), "the Service still names it");
    edge.change(named(("certificates", ""))).await;
    assert_eq!(edge.metric("certificates"), "deis_router_certificates 0", "now nobody does");
    assert!(shown(&edge, &apps, "www.example.org").await.is_none());
}

/// A connection that is there stays, and goes on, whatever is changed; the next one gets what is new.
#[tokio::test]
async fn a_change_of_certificates_costs_no_request() {
    let (edge, _platform, apps) = started().await;
    let old = apps.certificate("app-1-cert", &["www.example.org"]);
    edge.change(Event::Certificate(old.clone())).await;
    let stream = connect_to(&edge, &apps, "www.example.org", "h2").await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    edge.context.tasks.spawn("client", connection);
    let new = apps.certificate("app-3-cert", &["www.example.org"]);
    let changes = [
        Event::Certificate(new.clone()),
        named(("certificates", "www.example.org:app-3")),
        Event::CertificateGone("app-1-cert".to_owned()),
    ];
    for change in changes {
        edge.send(change).await;
        let answer = deadline(LIMIT, sender.send_request(request("https://www.example.org/"))).await.unwrap().unwrap();
        let seen = Seen::read(answer).await;
        assert_eq!((seen.status, seen.text.as_str()), (200, "hello"));
        assert!(shown(&edge, &apps, "www.example.org").await.is_some(), "there is never none");
    }
    edge.until(|edge| edge.metric("certificates") == "deis_router_certificates 1").await;
    assert_eq!(shown(&edge, &apps, "www.example.org").await, Some(der(&new)));
}

/// A router that starts while Kubernetes cannot be asked has the last good ones, and nobody else can read them.
#[tokio::test]
async fn certificates_are_kept_beside_the_table() {
    use std::os::unix::fs::PermissionsExt as _;
    let (edge, platform, apps) = started().await;
    let certificate = apps.certificate("app-1-cert", &["www.example.org"]);
    edge.change(Event::Certificate(certificate.clone())).await;
    let (folder, authority) = (Arc::clone(&edge.folder), Arc::clone(&edge.authority));
    edge.stop().await;
    let file = folder.path().join("certificates/certificates.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let table = std::fs::read_to_string(folder.path().join("table/table.json")).unwrap();
    assert!(!table.contains("PRIVATE KEY"));

    let edge = Edge::launch(&[], Arc::clone(&folder), Arc::clone(&authority)).await;
    assert_eq!(shown(&edge, &apps, "www.example.org").await, Some(der(&certificate)));
    edge.stop().await;
    std::fs::write(file, "{").unwrap();
    let edge = Edge::launch(&[], folder, authority).await;
    assert!(shown(&edge, &apps, "www.example.org").await.is_none());
    assert!(shown(&edge, &platform, "app.example.com").await.is_some(), "the table itself is good");
}

#[tokio::test]
async fn hsts_is_said_over_tls_alone_and_an_apps_own_word_stands() {
    let saying = App::start(|request| async move {
        let mut answer = crate::support::text("hello");
        if request.uri().path() == "/own" {
            answer.headers_mut().insert("strict-transport-security", "max-age=1".parse().unwrap());
        }
        answer
    })
    .await;
    let annotations = [("ssl.hsts.enabled", "true"), ("ssl.hsts.maxAge", "60"), ("ssl.hsts.includeSubDomains", "true")];
    let edge = Edge::start(app(&annotations, &[saying.address])).await;
    let platform = Authority::new();
    platform.write_platform(&edge.folder.path().join("platform"));
    let plain = edge.get("/path").await;
    let told = (plain.status, plain.header("location"), plain.header("strict-transport-security"));
    assert_eq!(told, (301, "https://app.example.com/path", ""));

    let said = async |path: &str| {
        let stream = connect_to(&edge, &platform, "app.example.com", "http/1.1").await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        edge.context.tasks.spawn("client", connection);
        let asked = Request::get(path).header("host", "app.example.com").body(Full::<Bytes>::default()).unwrap();
        let seen = Seen::read(deadline(LIMIT, sender.send_request(asked)).await.unwrap().unwrap()).await;
        (seen.status, seen.header("strict-transport-security").to_owned())
    };
    assert_eq!(said("/").await, (200, "max-age=60; includeSubDomains".to_owned()));
    assert_eq!(said("/own").await, (200, "max-age=1".to_owned()));
    edge.change(service(&[("ssl.hsts.enabled", "true"), ("maintenance", "true")])).await;
    assert_eq!(said("/").await, (503, "max-age=15552000".to_owned()), "the router's own answers too");
    edge.change(service(&[])).await;
    assert_eq!(said("/").await.1, "");
}
