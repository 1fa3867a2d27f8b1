//! Whoever an operator has named is told of every release, beside the deploy and not within it.

use std::net::Ipv4Addr;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use deis_workflow::hooks::Addresses;
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::push::{deploy, image};
use super::sandbox::{Sandbox, Setup};

/// Answers 500 where the path says so, and nothing where that does; tells what it was asked.
async fn receiver() -> (String, mpsc::Receiver<String>) {
    async fn hear(State(asked): State<mpsc::Sender<String>>, request: Request) -> StatusCode {
        let authorization = request.headers().get("authorization").map(|value| value.to_str().unwrap());
        let line = format!("{} {} {}", request.method(), request.uri(), authorization.unwrap_or("-"));
        asked.send(line).await.unwrap();
        match request.uri().path() {
            "/broken" => StatusCode::INTERNAL_SERVER_ERROR,
            "/silent" => std::future::pending().await,
            _ => StatusCode::NO_CONTENT,
        }
    }

    let (sender, asked) = mpsc::channel(16);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(hear).with_state(sender);
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    drop(tokio::spawn(async move { axum::serve(listener, router).await }));
    (address, asked)
}

async fn told(urls: Vec<String>, key: Option<&str>) -> Sandbox {
    let hooks = Addresses { urls, key: key.map(Into::into) };
    Sandbox::start_as(Setup { hooks, ..Setup::default() }).await
}

#[tokio::test]
async fn every_release_is_told_and_signed() {
    let (address, mut asked) = receiver().await;
    let sandbox = told(vec![format!("{address}/hook")], Some("hunter2-canary")).await;
    let token = sandbox.app("shop").await;
    let mut next = async || {
        let line = asked.recv().await.unwrap();
        let (request, signature) = line.rsplit_once(' ').unwrap();
        assert!(signature.len() == 40 && signature.bytes().all(|byte| byte.is_ascii_hexdigit()), "{signature}");
        request.to_owned()
    };
    let query = |release: &str, summary: &str, sha: &str| {
        format!("POST /hook?app=shop&release={release}&release_summary={summary}&sha={sha}&user=bob")
    };
    assert_eq!(next().await, query("v1", "bob+created+initial+release", ""));
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    let sha = "acaa8a5f00000000000000000000000000000000";
    assert_eq!(next().await, query("v2", "bob+deployed+acaa8a5", sha));
    sandbox.post("/v2/apps/shop/config/", &token, json!({ "values": { "A": "1" } })).await;
    assert_eq!(next().await, query("v3", "bob+added+A", sha));
    // What makes no release is not told: the next one is of the rollback.
    sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": 2 })).await;
    sandbox.post("/v2/apps/shop/releases/rollback/", &token, json!({ "version": 2 })).await;
    assert_eq!(next().await, query("v4", "bob+rolled+back+to+v2", sha));
    assert!(!format!("{:?}", Addresses { urls: Vec::new(), key: Some("hunter2-canary".into()) }).contains("canary"));
}

#[tokio::test]
async fn a_request_that_joins_another_is_told_once() {
    let (address, mut asked) = receiver().await;
    let sandbox = told(vec![address], None).await;
    let token = sandbox.app("shop").await;
    for _ in 0..2 {
        let body = json!({ "values": { "A": "1" } });
        let answer = sandbox.post_with_key("/v2/apps/shop/config/", &token, "0123456789abcdef", body).await;
        assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
    }
    sandbox.call(Method::POST, "/v2/apps/shop/config/", Some(&token), Some(json!({ "values": { "A": "2" } }))).await;
    let mut releases = Vec::new();
    for _ in 0..3 {
        let line = asked.recv().await.unwrap();
        assert!(line.ends_with(" -"), "without a key nothing is signed: {line}");
        releases.push(line.split(['?', '&']).nth(2).unwrap().to_owned());
    }
    assert_eq!(releases, ["release=v1", "release=v2", "release=v3"]);
}

/// One address answers 500, one never: the deploy is through all the same, and the app's log says what came of the first.
#[tokio::test]
async fn an_address_that_is_broken_holds_nothing_up() {
    let (address, mut asked) = receiver().await;
    let urls = vec![format!("{address}/broken?token=hunter2-canary"), format!("{address}/silent")];
    let sandbox = told(urls, None).await;
    sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    assert_eq!(sandbox.cluster.controllers(), ["v2 web 1"]);
    let mut paths = Vec::new();
    for _ in 0..3 {
        paths.push(asked.recv().await.unwrap().split(['?', ' ']).nth(1).unwrap().to_owned());
    }
    paths.sort();
    assert_eq!(
        paths,
        ["/broken", "/broken", "/silent"],
        "each address is asked for itself, one release after the other"
    );
    let failure = format!(
        "An error occurred while sending the deploy hook to {address}/broken: it answered 500 Internal Server Error"
    );
    let log = sandbox.logger.events("shop", 8).await;
    assert_eq!(log.iter().filter(|line| line.contains(&failure)).count(), 2, "{log:#?}");
    assert!(!log.concat().contains("canary"), "{log:#?}");
}
