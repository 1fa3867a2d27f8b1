use deis_proto::workflow::{AuthorizeGitRequest, GitAccess};
use reqwest::Method;
use serde_json::{Value, json};

use super::push::{build, deploy, events, image};
use super::sandbox::Sandbox;

fn ids(body: &Value) -> Vec<&str> {
    body["results"].as_array().unwrap().iter().map(|app| app["id"].as_str().unwrap()).collect()
}

/// An app of a user who is no administrator: his token, and that of a stranger.
async fn app(sandbox: &Sandbox) -> (String, String) {
    sandbox.user("admin").await;
    let (bob, eve) = (sandbox.user("bob").await, sandbox.user("eve").await);
    assert_eq!(sandbox.post("/v2/apps/", &bob, json!({ "id": "shop" })).await.status.as_u16(), 201);
    (bob, eve)
}

async fn may_push(sandbox: &Sandbox, username: &str) -> bool {
    let request =
        AuthorizeGitRequest { username: username.to_owned(), app: "shop".to_owned(), access: GitAccess::Write.into() };
    sandbox.push.clone().authorize_git(request).await.is_ok()
}

#[tokio::test]
async fn a_collaborator_may_do_everything_but_delete_and_share() {
    let sandbox = Sandbox::start().await;
    let (bob, eve) = app(&sandbox).await;
    let path = "/v2/apps/shop/perms/";
    assert!(!may_push(&sandbox, "eve").await);
    let granted = sandbox.post(path, &bob, json!({ "username": "eve" })).await;
    assert_eq!(granted.line(), "201 - \"\"");
    assert_eq!(sandbox.get(path, &eve).await.body, json!({ "users": ["eve"] }));
    assert_eq!(ids(&sandbox.get("/v2/apps/", &eve).await.body), ["shop"]);
    assert!(may_push(&sandbox, "eve").await);
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    let mut pushed = build("shop", &image("shop", "2"));
    pushed.username = "eve".to_owned();
    assert_eq!(events(&sandbox, pushed).await, ["v3 created", "v3 deployed"]);

    let mut answers = Vec::new();
    for (method, path, body) in [
        (Method::GET, "", Value::Null),
        (Method::GET, "explain/", Value::Null),
        (Method::POST, "config/", json!({ "values": { "A": "1" } })),
        (Method::POST, "scale/", json!({ "web": 2 })),
        (Method::POST, "domains/", json!({ "domain": "example.com" })),
        (Method::POST, "settings/", json!({ "maintenance": true })),
        (Method::POST, "whitelist/", json!({ "addresses": ["192.0.2.7"] })),
        (Method::DELETE, "whitelist/", json!({ "addresses": ["192.0.2.7"] })),
        (Method::POST, "tls/", json!({ "https_enforced": true })),
        (Method::POST, "releases/rollback/", json!({})),
        (Method::DELETE, "domains/example.com", Value::Null),
        (Method::POST, "", json!({ "owner": "eve" })),
        (Method::POST, "perms/", json!({ "username": "admin" })),
        (Method::DELETE, "perms/bob", Value::Null),
    ] {
        let body = (!body.is_null()).then_some(body);
        let answer = sandbox.call(method.clone(), &format!("/v2/apps/shop/{path}"), Some(&eve), body).await;
        answers.push(format!("{method} {path}: {}", answer.status.as_u16()));
    }
    insta::assert_yaml_snapshot!(answers);
}

#[tokio::test]
async fn access_is_taken_back_by_the_owner_or_given_up() {
    let sandbox = Sandbox::start().await;
    let (bob, eve) = app(&sandbox).await;
    let mallory = sandbox.user("mallory").await;
    let path = "/v2/apps/shop/perms/";
    let mut lines = Vec::new();
    for username in ["eve", "eve", "bob", "mallory", "nobody", "no body", ""] {
        lines.push(sandbox.post(path, &bob, json!({ "username": username })).await.line());
    }
    assert_eq!(sandbox.get(path, &bob).await.body, json!({ "users": ["eve", "mallory"] }));
    for (token, username) in [
        (&eve, "mallory"),
        (&eve, "eve"),
        (&eve, "eve"),
        (&bob, "mallory"),
        (&bob, "mallory"),
        (&bob, "bob"),
        (&mallory, "mallory"),
    ] {
        lines.push(sandbox.call(Method::DELETE, &format!("{path}{username}"), Some(token), None).await.line());
    }
    insta::assert_yaml_snapshot!(lines);
    assert_eq!(sandbox.get(path, &bob).await.body, json!({ "users": [] }));
    assert!(!may_push(&sandbox, "eve").await);
}

#[tokio::test]
async fn an_app_is_given_away_with_all_it_has() {
    let sandbox = Sandbox::start().await;
    let (bob, eve) = app(&sandbox).await;
    sandbox.post("/v2/apps/shop/config/", &bob, json!({ "values": { "A": "1" } })).await;
    sandbox.post("/v2/apps/shop/perms/", &bob, json!({ "username": "eve" })).await;
    let mut lines = Vec::new();
    for owner in ["nobody", ""] {
        lines.push(sandbox.post("/v2/apps/shop/", &bob, json!({ "owner": owner })).await.line());
    }
    lines.push(sandbox.post("/v2/apps/shop/", &bob, json!({ "owner": "eve" })).await.line());
    lines.push(sandbox.get("/v2/apps/shop/", &bob).await.line());
    insta::assert_yaml_snapshot!(lines);
    assert_eq!(sandbox.get("/v2/apps/shop/perms/", &eve).await.body, json!({ "users": [] }));
    for part in ["config/", "releases/v2/", ""] {
        let shown = sandbox.get(&format!("/v2/apps/shop/{part}"), &eve).await;
        assert_eq!(shown.body["owner"], "eve", "{part}");
    }
    let domains = sandbox.get("/v2/apps/shop/domains/", &eve).await.body;
    assert_eq!(domains["results"][0]["owner"], "eve");
}

#[tokio::test]
async fn administrators_make_others_and_unmake_themselves() {
    let sandbox = Sandbox::start().await;
    let (admin, eve) = (sandbox.user("admin").await, sandbox.user("eve").await);
    let path = "/v2/admin/perms/";
    let mut lines = Vec::new();
    for (method, path) in [
        (Method::GET, path),
        (Method::GET, "/v2/users/"),
        (Method::POST, path),
        (Method::DELETE, "/v2/admin/perms/admin"),
    ] {
        let body = json!({ "username": "eve" });
        lines.push(sandbox.call(method, path, Some(&eve), Some(body)).await.line());
    }
    lines.push(sandbox.post(path, &admin, json!({ "username": "nobody" })).await.line());
    lines.push(sandbox.post(path, &admin, json!({ "username": "eve" })).await.line());
    lines.push(sandbox.get(path, &eve).await.line());
    lines.push(sandbox.call(Method::DELETE, "/v2/admin/perms/eve", Some(&eve), None).await.line());
    lines.push(sandbox.get(path, &eve).await.line());
    insta::assert_yaml_snapshot!(lines);
    let users = sandbox.get("/v2/users/", &admin).await.body;
    let names = users["results"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["admin", "eve"]);
}
