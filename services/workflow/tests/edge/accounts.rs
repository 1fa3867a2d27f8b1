use deis_workflow::accounts::{RegistrationMode, ensure_admin};
use reqwest::Method;
use serde_json::json;

use super::sandbox::{Sandbox, stable};

#[tokio::test]
async fn the_first_user_is_the_administrator() {
    let sandbox = Sandbox::start().await;
    let body = json!({ "username": "bob", "password": "secret", "email": "bob@example.com", "first_name": "Bob" });
    let bob = sandbox.call(Method::POST, "/v2/auth/register", None, Some(body)).await;
    insta::assert_json_snapshot!(stable(bob.body));
    let body = json!({ "username": "eve", "password": "secret" });
    let eve = sandbox.call(Method::POST, "/v2/auth/register/", Some("no such token"), Some(body)).await;
    assert_eq!((eve.status.as_u16(), &eve.body["is_superuser"]), (201, &json!(false)));
}

#[tokio::test]
async fn login_gives_a_token_that_says_who_one_is() {
    let sandbox = Sandbox::start().await;
    let first = sandbox.user("bob").await;
    assert_eq!(first.len(), 40);
    let body = json!({ "username": "bob", "password": "secret" });
    let again = sandbox.call(Method::POST, "/v2/auth/login/", None, Some(body)).await;
    let second = again.body["token"].as_str().unwrap().to_owned();
    for token in [first, second] {
        let who = sandbox.get("/v2/auth/whoami", &token).await;
        assert_eq!((who.status.as_u16(), &who.body["username"]), (200, &json!("bob")));
        assert!(who.body["last_login"].is_string());
    }
}

#[tokio::test]
async fn refusals_have_the_shapes_of_the_contract() {
    let sandbox = Sandbox::start().await;
    sandbox.user("bob").await;
    let post = |path: &'static str, body| sandbox.call(Method::POST, path, None, Some(body));
    let answers = [
        post("/v2/auth/login/", json!({ "username": "bob", "password": "wrong" })).await,
        post("/v2/auth/login/", json!({ "username": "nobody", "password": "secret" })).await,
        post("/v2/auth/login/", json!({ "username": "bob" })).await,
        post("/v2/auth/register/", json!({ "username": "bob", "password": "x" })).await,
        post("/v2/auth/register/", json!({ "username": "a b", "password": "x" })).await,
        post("/v2/auth/register/", json!({ "username": "", "password": "x" })).await,
        post("/v2/auth/register/", json!({ "username": "jim", "password": "x", "email": "jim" })).await,
        post("/v2/auth/register/", json!({ "username": ["jim"], "password": "x" })).await,
        sandbox.call(Method::GET, "/v2/auth/whoami/", None, None).await,
        sandbox.call(Method::GET, "/v2/auth/whoami/", Some("0000"), None).await,
        sandbox.call(Method::PUT, "/v2/auth/whoami/", None, None).await,
        sandbox.raw("/v2/auth/login/", "0000", "{").await,
        sandbox.raw("/v2/auth/login/", "0000", "[]").await,
    ];
    insta::assert_yaml_snapshot!(answers.iter().map(|answer| answer.line()).collect::<Vec<_>>());
}

#[tokio::test]
async fn every_answer_has_the_versions() {
    let sandbox = Sandbox::start().await;
    let root = sandbox.call(Method::GET, "/v2/", None, None).await;
    assert_eq!(root.status.as_u16(), 401, "clients tell a controller by this");
    assert_eq!(root.headers["www-authenticate"], "Token");
    let lost = sandbox.call(Method::GET, "/v2/nowhere", None, None).await;
    assert_eq!((lost.status.as_u16(), lost.body.as_str()), (404, Some("<h1>Not Found</h1>")));
    let health = sandbox.call(Method::GET, "/healthz", None, None).await;
    let ready = sandbox.call(Method::GET, "/readiness/", None, None).await;
    assert_eq!((health.body.as_str(), ready.body.as_str()), (Some("OK"), Some("OK")));
    for answer in [root, lost, health, ready] {
        assert_eq!(answer.headers["deis_api_version"], "2.3");
        assert!(answer.headers["deis_platform_version"].to_str().unwrap().starts_with("2.3.0"));
    }
    let token = sandbox.user("bob").await;
    assert_eq!(sandbox.get("/v2", &token).await.line(), "200 - {}");
}

#[tokio::test]
async fn registration_follows_the_mode() {
    let sandbox = Sandbox::start().await;
    let register = |name: &str, token: Option<String>| {
        let body = json!({ "username": name, "password": "secret" });
        let sandbox = &sandbox;
        async move { sandbox.call(Method::POST, "/v2/auth/register/", token.as_deref(), Some(body)).await.line() }
    };
    sandbox.mode.send_replace(RegistrationMode::AdminOnly);
    let admin = sandbox.user("admin").await;
    let mut answers = vec![register("x", None).await];
    assert!(register("user", Some(admin.clone())).await.starts_with("201"));
    let login = json!({ "username": "user", "password": "secret" });
    let user = sandbox.call(Method::POST, "/v2/auth/login/", None, Some(login)).await;
    answers.push(register("x", user.body["token"].as_str().map(str::to_owned)).await);
    sandbox.mode.send_replace(RegistrationMode::Disabled);
    answers.push(register("x", Some(admin)).await);
    insta::assert_yaml_snapshot!(answers);
}

#[tokio::test]
async fn the_first_administrator_is_made_once() {
    let sandbox = Sandbox::start().await;
    for password in ["first", "second"] {
        let name = "admin".parse().unwrap();
        ensure_admin(&sandbox.ledger, &sandbox.workflow.passwords, name, password.into()).await.unwrap();
    }
    let login = |password: &str| {
        let body = json!({ "username": "admin", "password": password });
        sandbox.call(Method::POST, "/v2/auth/login/", None, Some(body))
    };
    assert_eq!(login("first").await.status.as_u16(), 200);
    assert_eq!(login("second").await.status.as_u16(), 400);
    sandbox.user("eve").await;
    let eve = sandbox.ledger_user("eve").await;
    assert!(!eve.is_superuser, "there is an administrator already");
}

async fn login(sandbox: &Sandbox, name: &str, password: &str) -> Option<String> {
    let body = json!({ "username": name, "password": password });
    let answer = sandbox.call(Method::POST, "/v2/auth/login/", None, Some(body)).await;
    answer.body["token"].as_str().map(str::to_owned)
}

async fn is_known(sandbox: &Sandbox, token: &str) -> bool {
    sandbox.get("/v2/auth/whoami/", token).await.status.as_u16() == 200
}

#[tokio::test]
async fn a_new_token_ends_all_that_its_user_had() {
    let sandbox = Sandbox::start().await;
    let (admin, bob, eve) = (sandbox.user("admin").await, sandbox.user("bob").await, sandbox.user("eve").await);
    let laptop = login(&sandbox, "bob", "secret").await.unwrap();
    let path = "/v2/auth/tokens/";
    // The client sends no body at all.
    let answer = sandbox.call(Method::POST, path, Some(&bob), None).await;
    let new = answer.body["token"].as_str().unwrap().to_owned();
    assert_eq!((answer.status.as_u16(), new.len()), (200, 40));
    assert!(is_known(&sandbox, &new).await);
    for old in [&bob, &laptop] {
        assert!(!is_known(&sandbox, old).await);
    }
    assert!(login(&sandbox, "bob", "secret").await.is_some(), "the password is the same");

    let of_eve = sandbox.post(path, &admin, json!({ "username": "eve" })).await;
    assert!(is_known(&sandbox, of_eve.body["token"].as_str().unwrap()).await);
    assert!(!is_known(&sandbox, &eve).await && is_known(&sandbox, &admin).await && is_known(&sandbox, &new).await);
}

#[tokio::test]
async fn an_administrator_ends_all_tokens() {
    let sandbox = Sandbox::start().await;
    let (admin, bob) = (sandbox.user("admin").await, sandbox.user("bob").await);
    let path = "/v2/auth/tokens/";
    let mut lines = Vec::new();
    for (token, body) in [
        (&bob, json!({ "all": true })),
        (&bob, json!({ "username": "admin" })),
        (&bob, json!({ "username": "nobody" })),
        (&bob, json!({ "username": "no body" })),
        (&admin, json!({ "username": "nobody" })),
        (&admin, json!({ "username": "no body" })),
        (&admin, json!({ "username": 7 })),
        (&admin, json!({ "username": "nobody", "all": true })),
        (&admin, json!({ "all": true })),
        (&admin, json!({ "all": true })),
    ] {
        lines.push(sandbox.post(path, token, body).await.line());
    }
    insta::assert_yaml_snapshot!(lines);
    assert!(!is_known(&sandbox, &bob).await && !is_known(&sandbox, &admin).await);
    assert!(login(&sandbox, "bob", "secret").await.is_some());
}

#[tokio::test]
async fn a_password_is_changed_by_whoever_knows_it_or_an_administrator() {
    let sandbox = Sandbox::start().await;
    let (admin, bob) = (sandbox.user("admin").await, sandbox.user("bob").await);
    let path = "/v2/auth/passwd/";
    let mut lines = Vec::new();
    for (token, body) in [
        (&bob, json!({})),
        (&bob, json!({ "password": "secret", "new_password": "" })),
        (&bob, json!({ "password": "", "new_password": "new" })),
        (&bob, json!({ "password": "wrong", "new_password": "new" })),
        (&bob, json!({ "username": "admin", "password": "secret", "new_password": "new" })),
        (&bob, json!({ "username": "nobody", "password": "secret", "new_password": "new" })),
        (&admin, json!({ "username": "nobody", "new_password": "new" })),
        (&admin, json!({ "username": "bob" })),
        (&admin, json!({ "password": "wrong", "new_password": "new" })),
        (&admin, json!({ "password": 7, "new_password": "new" })),
    ] {
        lines.push(sandbox.post(path, token, body).await.line());
    }
    insta::assert_yaml_snapshot!(lines);
    assert!(login(&sandbox, "bob", "secret").await.is_some() && login(&sandbox, "admin", "secret").await.is_some());

    let set = "200 - {\"status\":\"password set\"}";
    let own = json!({ "username": "bob", "password": "secret", "new_password": "of his own" });
    assert_eq!(sandbox.post(path, &bob, own).await.line(), set);
    assert!(login(&sandbox, "bob", "secret").await.is_none());
    assert!(login(&sandbox, "bob", "of his own").await.is_some() && is_known(&sandbox, &bob).await);
    for (body, name, password) in [
        (json!({ "username": "bob", "new_password": "given" }), "bob", "given"),
        (json!({ "new_password": "forgotten" }), "admin", "forgotten"),
    ] {
        assert_eq!(sandbox.post(path, &admin, body).await.line(), set);
        assert!(login(&sandbox, name, password).await.is_some(), "{name}");
    }
}

#[tokio::test]
async fn an_account_ends_with_all_that_is_its_own() {
    let sandbox = Sandbox::start().await;
    let (admin, bob, eve) = (sandbox.user("admin").await, sandbox.user("bob").await, sandbox.user("eve").await);
    let cancel = async |token: &str, body: serde_json::Value| {
        let (authorization, body) = (format!("token {token}"), body.to_string().into_bytes());
        sandbox.bytes(Method::DELETE, "/v2/auth/cancel/", Some(&authorization), body).await
    };
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0mYpZ8mQm7vXkH0r3hXo7Vd3bqC3sJ2l5oYq2bQm3n";
    sandbox.post("/v2/keys/", &eve, json!({ "id": "laptop", "public": key })).await;
    sandbox.post("/v2/apps/", &bob, json!({ "id": "shop" })).await;
    sandbox.post("/v2/apps/shop/perms/", &bob, json!({ "username": "eve" })).await;
    sandbox.post("/v2/apps/shop/config/", &eve, json!({ "values": { "A": "1" } })).await;
    let mut lines = Vec::new();
    for (token, body) in [
        (&eve, json!({ "username": "bob" })),
        (&eve, json!({ "username": "nobody" })),
        (&admin, json!({ "username": "nobody" })),
        (&admin, json!({ "username": "" })),
        (&admin, json!({ "username": "bob" })),
        (&bob, json!({})),
        (&eve, json!({})),
        (&eve, json!({})),
    ] {
        lines.push(cancel(token, body).await.line());
    }
    insta::assert_yaml_snapshot!(lines);
    assert!(login(&sandbox, "eve", "secret").await.is_none());
    assert_eq!(sandbox.get("/v2/apps/shop/perms/", &bob).await.body, json!({ "users": [] }));
    let release = sandbox.get("/v2/apps/shop/releases/v2/", &bob).await.body;
    assert_eq!(release["owner"], "eve", "history keeps the name");
    let again = sandbox.post("/v2/keys/", &bob, json!({ "id": "laptop", "public": key })).await;
    assert_eq!(again.status.as_u16(), 201, "her key is free");

    sandbox.post("/v2/apps/shop/", &bob, json!({ "owner": "admin" })).await;
    assert_eq!(cancel(&admin, json!({ "username": "bob" })).await.line(), "204 - \"\"");
    assert!(!is_known(&sandbox, &bob).await);
}
