//! `deisctl config router`: both routers obey, and go back when the setting is taken away.

use std::time::{Duration, Instant};

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use tokio::net::TcpListener;

use crate::operator::{deisctl, output};
use crate::routing::{endpoints, service};
use crate::support::{MACHINE, Platform, until_answers};

/// From somewhere else, as a load balancer would say.
const CLIENT: &str = "192.0.2.1";
const LIMIT: Duration = Duration::from_secs(60);

/// Believing everybody changes nothing for other tests: no other sends such a header.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
async fn both_routers_obey_and_go_back() {
    let platform = Platform::connect().await;
    let listener = TcpListener::bind((MACHINE, 0)).await.unwrap();
    let port = i32::from(listener.local_addr().unwrap().port());
    let client = |headers: HeaderMap| async move {
        headers.get("x-forwarded-for").and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned()
    };
    let server = tokio::spawn(async move { axum::serve(listener, Router::new().route("/", get(client))).await });
    let namespaces: Api<Namespace> = Api::all(platform.client.clone());
    let metadata = ObjectMeta { generate_name: Some("settings-".to_owned()), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    let namespace = namespaces.create(&PostParams::default(), &namespace).await.unwrap().metadata.name.unwrap();
    let url = format!("http://{namespace}.{}/", platform.domain);
    platform.objects::<Service>(&namespace).create(&PostParams::default(), &service(&namespace)).await.unwrap();
    platform.objects::<EndpointSlice>(&namespace).create(&PostParams::default(), &endpoints(port)).await.unwrap();
    until_answers(&url, 200).await;
    assert_ne!(said(&url).await, CLIENT, "a stranger is not believed");

    let config = async |arguments: &[&str]| output(&deisctl(), &[&["config", "router"], arguments].concat()).await;
    config(&["set", "proxy-real-ip-cidrs=0.0.0.0/0"]).await;
    until_said(&url, |said| said == CLIENT).await;
    config(&["rm", "proxy-real-ip-cidrs"]).await;
    until_said(&url, |said| said != CLIENT).await;

    namespaces.delete(&namespace, &DeleteParams::default()).await.unwrap();
    server.abort();
}

/// Whom the app takes for its client.
async fn said(url: &str) -> String {
    let request = reqwest::Client::new().get(url).header("x-forwarded-for", CLIENT);
    request.send().await.unwrap().text().await.unwrap()
}

/// Ten times in a row, over a connection each, so that both routers have said it.
async fn until_said(url: &str, is_so: impl Fn(&str) -> bool) {
    let start = Instant::now();
    let mut in_a_row = 0;
    while in_a_row < 10 {
        let now = said(url).await;
        in_a_row = if is_so(&now) { in_a_row + 1 } else { 0 };
        assert!(start.elapsed() < LIMIT, "the client is {now}");
    }
}
