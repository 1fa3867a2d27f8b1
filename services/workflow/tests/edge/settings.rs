use axum::http::Method;
use deis_kube::objects::Rules;
use serde_json::{Value, json};

use super::push::{deploy, image};
use super::sandbox::{Answer, Sandbox, stable};

const SETTINGS: &str = "/v2/apps/shop/settings/";
const WHITELIST: &str = "/v2/apps/shop/whitelist/";
const TLS: &str = "/v2/apps/shop/tls/";

async fn served() -> (Sandbox, String) {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    (sandbox, token)
}

/// What the routers are told of the app.
fn rules(sandbox: &Sandbox) -> Rules {
    sandbox.cluster.routing("shop").unwrap().rules
}

async fn unlist(sandbox: &Sandbox, token: &str, addresses: Value) -> Answer {
    sandbox.call(Method::DELETE, WHITELIST, Some(token), Some(json!({ "addresses": addresses }))).await
}

#[tokio::test]
async fn each_setting_reaches_the_routers_and_makes_no_release() {
    let (sandbox, token) = served().await;
    assert_eq!(rules(&sandbox), Rules::default());
    let body =
        json!({ "maintenance": true, "whitelist": ["192.0.2.7", "10.0.0.0/8"], "label": { "team": "frontend" } });
    let answer = sandbox.post(SETTINGS, &token, body).await;
    assert_eq!(answer.status.as_u16(), 201);
    insta::assert_json_snapshot!("settings", stable(answer.body));
    let whitelist = Some(["10.0.0.0/8", "192.0.2.7"].map(str::to_owned).into());
    assert_eq!(rules(&sandbox), Rules { maintenance: Some(true), whitelist, ..Rules::default() });
    let answer =
        sandbox.post(SETTINGS, &token, json!({ "maintenance": false, "routable": false, "whitelist": [] })).await;
    assert_eq!((&answer.body["maintenance"], &answer.body["whitelist"]), (&json!(false), &json!([])));
    assert_eq!(answer.body["label"], json!({ "team": "frontend" }), "what is not posted stays");
    let (maintenance, whitelist) = (Some(false), Some([].into()));
    let off = Rules { routable: false, maintenance, whitelist, ..Rules::default() };
    assert_eq!(rules(&sandbox), off);
    assert_eq!(sandbox.get("/v2/apps/shop/releases/", &token).await.body["count"], 2);
}

/// No router has its pods: nobody waits for that.
#[tokio::test]
async fn an_app_that_is_not_routed_is_deployed_all_the_same() {
    let (sandbox, token) = served().await;
    sandbox.post(SETTINGS, &token, json!({ "routable": false })).await;
    deploy(&sandbox, "shop", &image("shop", "2")).await;
    assert_eq!(sandbox.cluster.controllers(), ["v3 web 1"]);
    assert!(!rules(&sandbox).routable);
    let explained = sandbox.get("/v2/apps/shop/explain/", &token).await.body;
    assert_eq!(explained["problems"][0]["code"], "not-routed", "{explained}");
}

#[tokio::test]
async fn a_whitelist_grows_and_shrinks() {
    let (sandbox, token) = served().await;
    assert_eq!(sandbox.get(WHITELIST, &token).await.body, json!({ "addresses": [] }));
    let add = |addresses: Value| sandbox.post(WHITELIST, &token, json!({ "addresses": addresses }));
    let added = add(json!(["10.0.0.1/8"])).await;
    assert_eq!((added.status.as_u16(), added.body), (201, json!({ "addresses": ["10.0.0.1/8"] })));
    let both = json!({ "addresses": ["10.0.0.1/8", "2001:db8::/32"] });
    assert_eq!(add(json!(["2001:db8::/32", "10.0.0.1/8"])).await.body, both);
    let mut lines = Vec::new();
    for refused in [
        add(json!(["10.0.0.1/8"])).await,
        add(json!(["10.0.0.1/8", "everybody"])).await,
        add(json!("10.0.0.1")).await,
        add(json!(null)).await,
        unlist(&sandbox, &token, json!(["192.0.2.7"])).await,
    ] {
        lines.push(format!("{} {}", refused.status.as_u16(), refused.body));
    }
    insta::assert_yaml_snapshot!("whitelist_refusals", lines);
    assert_eq!(sandbox.get(WHITELIST, &token).await.body, both);
    assert_eq!(unlist(&sandbox, &token, json!(["10.0.0.1/8"])).await.status.as_u16(), 204);
    assert_eq!(rules(&sandbox).whitelist, Some(["2001:db8::/32".to_owned()].into()));
}

#[tokio::test]
async fn https_is_enforced_and_not_any_more() {
    let (sandbox, token) = served().await;
    assert_eq!(sandbox.get(TLS, &token).await.body["https_enforced"], Value::Null);
    let set = |on: Value| sandbox.post(TLS, &token, json!({ "https_enforced": on }));
    let answer = set(json!(true)).await;
    assert_eq!(answer.status.as_u16(), 201);
    insta::assert_json_snapshot!("tls", stable(answer.body));
    assert_eq!(rules(&sandbox).https_enforced, Some(true));
    let again = set(json!(true)).await;
    assert_eq!((again.status.as_u16(), again.body), (409, json!({ "detail": "bob changed nothing" })));
    assert_eq!(set(json!("perhaps")).await.status.as_u16(), 400);
    set(json!(false)).await;
    assert_eq!(rules(&sandbox).https_enforced, Some(false));
}

#[tokio::test]
async fn labels_are_notes() {
    let (sandbox, token) = served().await;
    let before = sandbox.cluster.routing("shop");
    let label = |label: Value| sandbox.post(SETTINGS, &token, json!({ "label": label }));
    let both = json!({ "team": "frontend", "stage": "" });
    assert_eq!(label(both.clone()).await.body["label"], both);
    assert_eq!(label(json!({ "stage": null })).await.body["label"], json!({ "team": "frontend" }));
    let missing = label(json!({ "stage": null })).await;
    assert_eq!((missing.status.as_u16(), missing.body), (422, json!({ "detail": "stage does not exist under label" })));
    let large = label(json!({ "big": "x".repeat(65 * 1024) })).await;
    assert_eq!(large.status.as_u16(), 400);
    assert_eq!(sandbox.cluster.routing("shop"), before);
}
