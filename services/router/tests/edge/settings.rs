//! What an operator changes while requests come in.

use std::sync::Arc;

use bytes::Bytes;
use deis_bootstrap::deadline;
use deis_router::table::facts::Event;
use http::Request;
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::support::{App, Authority, Edge, LIMIT, Seen, app, pods, service};

fn settings(pairs: &[(&str, &str)]) -> Event {
    Event::Settings(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

fn forwarded() -> Request<Full<Bytes>> {
    let request = Request::get("/").header("host", "app.example.com").header("x-forwarded-for", "192.0.2.1");
    request.body(Full::default()).unwrap()
}

#[tokio::test]
async fn settings_rule_every_app_at_once_and_go_again() {
    let saying = App::saying("hello").await;
    let edge = Edge::start(app(&[], &[saying.address])).await;
    assert_eq!(edge.get("/").await.text, "hello");

    edge.change(settings(&[("default-whitelist", "192.0.2.0/24")])).await;
    assert_eq!(edge.get("/").await.status, 403);
    let both = [("default-whitelist", "192.0.2.0/24"), ("proxy-real-ip-cidrs", "127.0.0.0/8")];
    edge.change(settings(&both)).await;
    assert_eq!(edge.ask(forwarded()).await.status, 200, "said by a trusted load balancer");
    edge.change(settings(&[("ssl.enforce", "true")])).await;
    assert_eq!(edge.get("/path").await.header("location"), "https://app.example.com/path");
    edge.change(settings(&[])).await;
    assert_eq!(edge.get("/").await.text, "hello");
}

#[tokio::test]
async fn a_value_that_cannot_be_obeyed_leaves_the_last_good_one_and_is_counted() {
    let saying = App::saying("hello").await;
    let edge = Edge::start(app(&[], &[saying.address])).await;
    edge.change(settings(&[("default-whitelist", "192.0.2.0/24")])).await;
    edge.change(settings(&[("default-whitelist", "home")])).await;
    assert_eq!(edge.get("/").await.status, 403);
    assert_eq!(edge.metric("settings_ignored"), "deis_router_settings_ignored 1");
}

/// A client that had come before them goes on over the same connection.
#[tokio::test]
async fn no_connection_is_dropped_for_a_setting() {
    let saying = App::saying("hello").await;
    let edge = Edge::start(app(&[], &[saying.address])).await;
    let stream = TcpStream::connect(edge.http).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    edge.context.tasks.spawn("client", connection);
    for (setting, status) in [("false", 200), ("true", 301), ("false", 200)] {
        edge.change(settings(&[("ssl.enforce", setting), ("default-timeout", &format!("{status}s"))])).await;
        let seen = Seen::read(deadline(LIMIT, sender.send_request(forwarded())).await.unwrap().unwrap()).await;
        assert_eq!(seen.status, status);
    }
}

/// Also when the watch reports none after a start.
#[tokio::test]
async fn the_last_good_settings_are_on_disk() {
    let saying = App::saying("hello").await;
    let edge = Edge::start(app(&[], &[saying.address])).await;
    edge.change(settings(&[("default-whitelist", "192.0.2.0/24")])).await;
    let (folder, authority) = (Arc::clone(&edge.folder), Arc::clone(&edge.authority));
    edge.stop().await;

    let edge = Edge::launch(&[], folder, Arc::<Authority>::clone(&authority)).await;
    assert_eq!(edge.get("/").await.status, 403, "from disk");
    edge.health.heal();
    edge.send(service(&[])).await;
    for event in pods(&[saying.address]) {
        edge.send(event).await;
    }
    edge.complete_changed().await;
    assert_eq!(edge.get("/").await.status, 403, "from the watches, which have no settings");
}
