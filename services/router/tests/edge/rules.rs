//! Which host is served, and what a route's rules refuse.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::support::{App, Authority, Edge, app, service};

fn get(host: &str, path: &str) -> Request<Full<Bytes>> {
    Request::get(path).header("host", host).body(Full::default()).unwrap()
}

#[tokio::test]
async fn unknown_hosts_and_apps_without_pods_are_told_apart() {
    let edge = Edge::start([service(&[])]).await;
    let seen = edge.ask(get("nobody.example.com", "/")).await;
    assert_eq!((seen.status, seen.header("deis-error-code")), (404, "unknown-host"));
    assert!(seen.text.contains("nobody.example.com"));
    let seen = edge.ask(get("app.example.com", "/healthz")).await;
    assert_eq!((seen.status, seen.header("deis-error-code")), (503, "no-backend"));
    for path in ["/healthz", "/healthz/"] {
        let seen = edge.ask(get("10.0.0.1:8080", path)).await;
        assert_eq!((seen.status, seen.header("deis-error-code")), (200, ""));
    }
    assert!(edge.metric("requests_total{class=\"4xx\",routed=\"false\"}").ends_with(" 1"));
}

#[tokio::test]
async fn annotations_rule() {
    let saying = App::saying("hello").await;
    let edge = Edge::start(app(&[], &[saying.address])).await;
    assert_eq!(edge.get("/").await.text, "hello");

    edge.change(service(&[("maintenance", "true")])).await;
    let request = Request::get("/").header("host", "app.example.com").header("accept", "text/html");
    let seen = edge.ask(request.body(Full::default()).unwrap()).await;
    assert_eq!((seen.status, seen.header("deis-error-code")), (503, "maintenance"));
    assert!(seen.text.contains("<title>Site Maintenance</title>"));

    edge.change(service(&[("whitelist", "192.0.2.0/24"), ("maintenance", "true")])).await;
    let seen = edge.get("/").await;
    assert_eq!((seen.status, seen.header("deis-error-code")), (403, "address-refused"));
    edge.change(service(&[("whitelist", "127.0.0.0/8")])).await;
    assert_eq!(edge.get("/").await.status, 200);

    edge.change(service(&[("ssl.enforce", "true")])).await;
    let seen = edge.get("/path?query").await;
    assert_eq!((seen.status, seen.header("location")), (301, "https://app.example.com/path?query"));

    edge.change(service(&[("ssl.enforce", "perhaps")])).await;
    assert_eq!(edge.get("/").await.text, "hello");
}

#[tokio::test]
async fn forged_headers_open_nothing() {
    let saying = App::saying("hello").await;
    let edge = Edge::start(app(&[("whitelist", "192.0.2.1"), ("ssl.enforce", "true")], &[saying.address])).await;
    let forged = || {
        let request = Request::get("/").header("host", "app.example.com").header("x-forwarded-for", "192.0.2.1");
        request.header("x-forwarded-proto", "https").body(Full::default()).unwrap()
    };
    assert_eq!(edge.ask(forged()).await.status, 403);

    let folder = Arc::new(tempfile::tempdir().unwrap());
    let trusting = Edge::launch(&["--trusted-proxies", "127.0.0.0/8"], folder, Arc::new(Authority::new())).await;
    for event in app(&[("whitelist", "192.0.2.1"), ("ssl.enforce", "true")], &[saying.address]) {
        trusting.send(event).await;
    }
    trusting.health.heal();
    trusting.complete().await;
    assert_eq!(trusting.ask(forged()).await.status, 200, "the same from a trusted load balancer");
}
