//! Which host is served, and what a route's rules refuse.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use deis_router::table::ServiceKey;
use deis_router::table::facts::{Endpoint, Event, Service, Slice};
use http::Request;
use http_body_util::Full;

use crate::support::{App, Authority, Edge, app, key, service};

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

/// A Service that has paths of the app, and its pods.
pub(crate) fn branch(pattern: &str, annotations: &[(&str, &str)]) -> Event {
    let all = [("proxyDomain", "app"), ("proxyLocations", pattern)];
    let all = all.iter().chain(annotations).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let key = ServiceKey { name: "app-api".to_owned(), ..key() };
    let (app, annotations) = (Some("app".to_owned()), all.collect());
    Event::Service(Service { key, created: 2, app, annotations, port: String::new(), address: None })
}

/// Of each pod a slice of its own, for their ports differ here.
pub(crate) fn branch_pod(address: SocketAddr) -> Event {
    let number = address.port().to_string();
    Event::Slice(Slice {
        name: format!("app-api-{number}"),
        service: ServiceKey { name: "app-api".to_owned(), ..key() },
        ports: BTreeMap::from([(String::new(), address.port())]),
        endpoints: vec![Endpoint { ip: address.ip(), pod_uid: Some(number) }],
    })
}

#[tokio::test]
async fn paths_of_an_app_can_be_another_services() {
    let (web, api) = (App::saying("web").await, App::saying("api").await);
    let edge = Edge::start(app(&[], &[web.address])).await;
    edge.change(branch("/api,/v[0-9]+/", &[])).await;
    let seen = edge.get("/api").await;
    assert_eq!((seen.status, seen.header("deis-error-code")), (503, "no-backend"), "it is not the app's path any more");
    edge.change(branch_pod(api.address)).await;
    for (path, says) in [("/", "web"), ("/api", "api"), ("/api/x?y", "api"), ("/v2/", "api"), ("/x/v2/", "web")] {
        assert_eq!(edge.get(path).await.text, says, "{path}");
    }
    // It has no host, and the app's rules are before its own.
    let seen = edge.ask(get("app-api.example.com", "/api")).await;
    assert_eq!((seen.status, seen.header("deis-error-code")), (404, "unknown-host"));
    edge.change(branch("/api", &[("whitelist", "192.0.2.0/24")])).await;
    assert_eq!(edge.get("/api").await.status, 403);
    assert_eq!(edge.get("/v2/").await.text, "web");
    edge.change(service(&[("maintenance", "true")])).await;
    assert_eq!(edge.get("/api").await.header("deis-error-code"), "maintenance");
    edge.change(service(&[])).await;
    edge.change(Event::ServiceGone(ServiceKey { name: "app-api".to_owned(), ..key() })).await;
    assert_eq!(edge.get("/api").await.text, "web");
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
