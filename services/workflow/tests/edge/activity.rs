use reqwest::Method;
use serde_json::{Value, json};

use super::push::{deploy, image};
use super::sandbox::Sandbox;

/// What was done, the oldest first, as `who action before after`.
async fn activity(sandbox: &Sandbox, token: &str) -> Vec<String> {
    let answer = sandbox.get("/v2/apps/shop/activity/?limit=100", token).await;
    let entries = answer.body["results"].as_array().unwrap();
    for (index, entry) in entries.iter().rev().enumerate() {
        assert_eq!(entry["number"], json!(index + 1), "{entry}");
        assert_eq!(entry["intact"], json!(true), "{entry}");
    }
    let line = |entry: &Value| {
        let user = entry["user"].as_str().unwrap_or("the platform");
        format!("{user} {} {} {}", entry["action"].as_str().unwrap(), entry["before"], entry["after"])
    };
    entries.iter().rev().map(line).collect()
}

#[tokio::test]
async fn what_is_done_to_an_app_is_noted_with_who_did_it() {
    let sandbox = Sandbox::start().await;
    let bob = sandbox.app("shop").await;
    let eve = sandbox.user("eve").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    for (method, path, body) in [
        (Method::POST, "perms/", json!({ "username": "eve" })),
        (Method::POST, "perms/", json!({ "username": "eve" })),
        (Method::POST, "config/", json!({ "values": { "TOKEN": "s3cret-value" }, "memory": { "web": "64M" } })),
        (Method::POST, "scale/", json!({ "web": 3 })),
        (Method::POST, "settings/", json!({ "maintenance": true, "label": { "team": "ops" } })),
        (Method::POST, "domains/", json!({ "domain": "example.com" })),
        (Method::DELETE, "domains/example.com", Value::Null),
        (Method::POST, "pods/restart/", Value::Null),
        (Method::POST, "releases/rollback/", json!({ "version": 2 })),
        (Method::POST, "root/", Value::Null),
        (Method::DELETE, "perms/eve", Value::Null),
    ] {
        let body = (!body.is_null()).then_some(body);
        let answer = sandbox.call(method.clone(), &format!("/v2/apps/shop/{path}"), Some(&bob), body).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.line());
    }
    // What is refused, and what changes nothing, leaves no trace.
    for (path, token, body) in [
        ("scale/", &eve, json!({ "web": 5 })),
        ("scale/", &bob, json!({ "web": "many" })),
        ("settings/", &bob, json!({ "maintenance": true })),
    ] {
        let answer = sandbox.post(&format!("/v2/apps/shop/{path}"), token, body).await;
        assert!(!answer.status.is_success(), "{path}: {}", answer.line());
    }
    let lines = activity(&sandbox, &bob).await;
    assert!(lines.iter().all(|line| !line.contains("s3cret")), "{lines:?}");
    insta::assert_yaml_snapshot!(lines);
}

#[tokio::test]
async fn it_is_noted_where_somebody_called_from() {
    let sandbox = Sandbox::start().await;
    let bob = sandbox.app("shop").await;
    let asked = [None, Some("192.0.2.7"), Some("203.0.113.1, 192.0.2.8"), Some("nowhere")];
    for (index, forwarded) in asked.iter().enumerate() {
        let body = json!({ "label": { "step": index.to_string() } });
        let answer = sandbox.post_through(forwarded.as_deref(), "/v2/apps/shop/settings/", &bob, body).await;
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.line());
    }
    let answer = sandbox.get("/v2/apps/shop/activity/?limit=4", &bob).await;
    let addresses = answer.body["results"].as_array().unwrap().iter().rev().map(|entry| &entry["address"]);
    let addresses = addresses.collect::<Vec<_>>();
    assert_eq!(addresses, ["127.0.0.1", "192.0.2.7", "192.0.2.8", "127.0.0.1"]);
}

/// A name that is free again is another app's, whose users read nothing of the one before.
#[tokio::test]
async fn another_app_of_the_same_name_has_its_own() {
    let sandbox = Sandbox::start().await;
    let bob = sandbox.app("shop").await;
    let destroyed = sandbox.call(Method::DELETE, "/v2/apps/shop/", Some(&bob), None).await;
    assert_eq!(destroyed.status.as_u16(), 204, "{}", destroyed.line());
    let eve = sandbox.user("eve").await;
    assert_eq!(sandbox.post("/v2/apps/", &eve, json!({ "id": "shop" })).await.status.as_u16(), 201);
    let lines = activity(&sandbox, &eve).await;
    assert_eq!(lines, [r#"eve app.create null {"id":"shop","owner":"eve","structure":{}}"#]);
}

/// What many do at once stands one after the other.
#[tokio::test]
async fn entries_of_many_at_once_are_one_chain() {
    let sandbox = Sandbox::start().await;
    let bob = sandbox.app("shop").await;
    let before = activity(&sandbox, &bob).await.len();
    let calls = (0..20).map(|number| {
        sandbox.post("/v2/apps/shop/domains/", &bob, json!({ "domain": format!("{number}.example.com") }))
    });
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.line());
    }
    assert_eq!(activity(&sandbox, &bob).await.len(), before + 20);
}
