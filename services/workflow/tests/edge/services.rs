//! Paths of an app that are another process type's than the served one.

use axum::http::Method;
use serde_json::{Value, json};

use super::push::{deploy, image};
use super::sandbox::{Answer, Sandbox};

const SERVICES: &str = "/v2/apps/shop/services/";

/// What the routers are told.
fn told(sandbox: &Sandbox) -> Value {
    json!(sandbox.cluster.routing("shop").unwrap().rules.services)
}

async fn add(sandbox: &Sandbox, token: &str, kind: &str, pattern: &str) -> Answer {
    sandbox.post(SERVICES, token, json!({ "procfile_type": kind, "path_pattern": pattern })).await
}

async fn remove(sandbox: &Sandbox, token: &str, kind: &str) -> Answer {
    sandbox.call(Method::DELETE, SERVICES, Some(token), Some(json!({ "procfile_type": kind }))).await
}

#[tokio::test]
async fn paths_are_given_changed_and_taken() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    let mut lines = Vec::new();
    for (kind, pattern) in [("worker", "/api"), ("worker", "/api"), ("worker", "/api,/v[0-9]+/"), ("clock", "/time")] {
        let answer = add(&sandbox, &token, kind, pattern).await;
        lines.push(format!("{} {}", answer.line(), told(&sandbox)));
    }
    let listed = sandbox.get(SERVICES, &token).await.body;
    // Nothing else touches them.
    sandbox.post("/v2/apps/shop/settings/", &token, json!({ "maintenance": true })).await;
    deploy(&sandbox, "shop", &image("shop", "2")).await;
    for kind in ["worker", "worker", "clock"] {
        let answer = remove(&sandbox, &token, kind).await;
        lines.push(format!("{} {}", answer.line(), told(&sandbox)));
    }
    assert_eq!(sandbox.get(SERVICES, &token).await.body, json!({ "services": [] }));
    insta::assert_yaml_snapshot!(json!([lines, listed]));
    assert_eq!(sandbox.get("/v2/apps/shop/releases/", &token).await.body["count"], 3, "they make no release");
    let activity = sandbox.get("/v2/apps/shop/activity/", &token).await.body;
    let entry = activity["results"].as_array().unwrap().iter().find(|entry| entry["after"]["services"].is_object());
    assert_eq!(entry.unwrap()["before"]["services"], json!({ "clock": "/time" }), "{activity}");
}

#[tokio::test]
async fn what_cannot_be_a_service_is_refused() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let long = "a".repeat(59);
    let mut lines = Vec::new();
    for (kind, pattern) in [
        ("", "/api"),
        ("We b", "/api"),
        ("run", "/api"),
        (&long, "/api"),
        ("worker", ""),
        ("worker", "("),
        ("worker", "/a,,/b"),
        ("worker", "(a{100}){100}"),
    ] {
        lines.push(add(&sandbox, &token, kind, pattern).await.line());
    }
    for number in 0..20 {
        assert_eq!(add(&sandbox, &token, &format!("api{number}"), "/api").await.status.as_u16(), 201);
    }
    lines.push(add(&sandbox, &token, "one-more", "/api").await.line());
    lines.push(remove(&sandbox, &token, "We b").await.line());
    insta::assert_yaml_snapshot!(lines);
}
