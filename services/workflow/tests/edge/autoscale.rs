use deis_workflow::apps;
use serde_json::{Value, json};

use super::push::{build, deploy, events, image};
use super::sandbox::{Answer, Sandbox, stable};
use super::scale::record;

const SETTINGS: &str = "/v2/apps/shop/settings/";

/// An app that serves with two pods of web, and the token of its owner.
async fn serving() -> (Sandbox, String) {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    scale(&sandbox, &token, 2).await;
    (sandbox, token)
}

async fn scale(sandbox: &Sandbox, token: &str, count: u32) {
    let scaled = sandbox.post("/v2/apps/shop/scale/", token, json!({ "web": count })).await;
    assert_eq!(scaled.status.as_u16(), 204, "{scaled:?}");
}

async fn set(sandbox: &Sandbox, token: &str, autoscale: Value) -> Answer {
    sandbox.post(SETTINGS, token, json!({ "autoscale": autoscale })).await
}

/// What Kubernetes has: controllers and autoscalers.
fn there(sandbox: &Sandbox) -> (Vec<String>, Vec<String>) {
    (sandbox.cluster.controllers(), sandbox.cluster.autoscalers("shop"))
}

fn is(sandbox: &Sandbox, controllers: &[&str], autoscalers: &[&str]) {
    let (running, scaling) = there(sandbox);
    assert_eq!((running, scaling), (texts(controllers), texts(autoscalers)));
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn rules_are_set_shown_and_unset() {
    let (sandbox, token) = serving().await;
    assert_eq!(sandbox.get(SETTINGS, &token).await.body["autoscale"], json!({}));
    let rule = json!({ "min": 2, "max": 8, "cpu_percent": 75 });
    let answer = set(&sandbox, &token, json!({ "web": rule })).await;
    assert_eq!(answer.status.as_u16(), 201);
    insta::assert_json_snapshot!("autoscale_settings", stable(answer.body));
    is(&sandbox, &["v2 web 2"], &["v2 web 2-8 75%"]);
    // A field that is not posted keeps its value, and so does a process type.
    set(&sandbox, &token, json!({ "worker": rule })).await;
    let shown = sandbox.get(SETTINGS, &token).await;
    assert_eq!(shown.body["autoscale"], json!({ "web": rule, "worker": rule }));
    set(&sandbox, &token, json!({ "web": { "min": 3, "max": 4, "cpu_percent": 20 }, "worker": null })).await;
    is(&sandbox, &["v2 web 3"], &["v2 web 3-4 20%"]);
    sandbox.cluster.autoscale("shop", 4);
    let unset = set(&sandbox, &token, json!({ "web": null })).await;
    assert_eq!((unset.status.as_u16(), &unset.body["autoscale"]), (201, &json!({})));
    is(&sandbox, &["v2 web 4"], &[]);
    assert_eq!(sandbox.get("/v2/apps/shop/", &token).await.body["structure"], json!({ "web": 4 }));
    assert_eq!(sandbox.get("/v2/apps/shop/releases/", &token).await.body["count"], 2, "no release is made");
}

#[tokio::test]
async fn what_cannot_be_set_is_refused() {
    let (sandbox, token) = serving().await;
    let rule = |min: i64, max: i64| json!({ "web": { "min": min, "max": max, "cpu_percent": 75 } });
    set(&sandbox, &token, rule(2, 8)).await;
    let mut lines = Vec::new();
    for body in [
        json!({}),
        json!({ "autoscale": rule(2, 8) }),
        json!({ "autoscale": { "worker": null } }),
        json!({ "autoscale": rule(0, 8) }),
        json!({ "autoscale": rule(-1, 8) }),
        json!({ "autoscale": rule(2, 1) }),
        json!({ "autoscale": rule(2, 1_000_000) }),
        json!({ "autoscale": { "web": { "min": 2, "max": 8 } } }),
        json!({ "autoscale": { "web": { "min": 2, "max": 8, "cpu_percent": "75" } } }),
        json!({ "autoscale": { "web": { "min": 2, "max": 8, "cpu_percent": 75, "memory": 1 } } }),
        json!({ "autoscale": { "web": 3 } }),
        json!({ "autoscale": { "Web": null } }),
        json!({ "autoscale": { "run": { "min": 2, "max": 8, "cpu_percent": 75 } } }),
        json!({ "autoscale": "web" }),
        json!({ "maintenance": "yes" }),
    ] {
        lines.push(sandbox.post(SETTINGS, &token, body).await.line());
    }
    for count in [1, 9] {
        lines.push(sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": count })).await.line());
    }
    insta::assert_yaml_snapshot!("autoscale_refusals", lines);
    is(&sandbox, &["v2 web 2"], &["v2 web 2-8 75%"]);
}

/// A push, a change of the config and a rollback begin with as many pods as there are, not as were asked for once.
#[tokio::test]
async fn releases_go_on_from_the_number_that_the_autoscaler_has_set() {
    let (sandbox, token) = serving().await;
    set(&sandbox, &token, json!({ "web": { "min": 1, "max": 8, "cpu_percent": 75 } })).await;
    sandbox.cluster.autoscale("shop", 5);
    deploy(&sandbox, "shop", &image("shop", "2")).await;
    is(&sandbox, &["v3 web 5"], &["v3 web 1-8 75%"]);
    sandbox.cluster.autoscale("shop", 3);
    sandbox.post("/v2/apps/shop/config/", &token, json!({ "values": { "A": "1" } })).await;
    is(&sandbox, &["v4 web 3"], &["v4 web 1-8 75%"]);
    sandbox.cluster.autoscale("shop", 7);
    let back = sandbox.post("/v2/apps/shop/releases/rollback/", &token, json!({ "version": 2 })).await;
    assert_eq!(back.status.as_u16(), 201, "{back:?}");
    is(&sandbox, &["v5 web 7"], &["v5 web 1-8 75%"]);
    let explained = sandbox.get("/v2/apps/shop/explain/", &token).await;
    assert_eq!(explained.body["headline"], "shop serves: 7 of 7 web pods are ready.");
}

#[tokio::test]
async fn scaling_is_where_the_autoscaler_goes_on_from_and_nothing_is_nothing() {
    let (sandbox, token) = serving().await;
    set(&sandbox, &token, json!({ "web": { "min": 2, "max": 8, "cpu_percent": 75 } })).await;
    sandbox.cluster.autoscale("shop", 5);
    // As many as were asked for before: it is another number all the same.
    scale(&sandbox, &token, 2).await;
    is(&sandbox, &["v2 web 2"], &["v2 web 2-8 75%"]);
    sandbox.cluster.autoscale("shop", 6);
    scale(&sandbox, &token, 0).await;
    is(&sandbox, &["v2 web 0"], &[]);
    scale(&sandbox, &token, 4).await;
    is(&sandbox, &["v2 web 4"], &["v2 web 2-8 75%"]);
}

#[tokio::test]
async fn a_scale_that_fails_gives_back_what_the_autoscaler_had_set() {
    let (sandbox, token) = serving().await;
    set(&sandbox, &token, json!({ "web": { "min": 2, "max": 8, "cpu_percent": 75 } })).await;
    sandbox.cluster.autoscale("shop", 5);
    sandbox.cluster.crash_from_now_on();
    let refused = sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": 7 })).await;
    assert_eq!(refused.status.as_u16(), 503, "{refused:?}");
    sandbox.cluster.eventually(|cluster| !cluster.autoscalers("shop").is_empty()).await;
    is(&sandbox, &["v2 web 5"], &["v2 web 2-8 75%"]);
}

/// The number of a process type that nobody asked for is no part of a scale.
#[tokio::test]
async fn a_scale_beside_an_autoscaler_leaves_its_number_alone() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let mut request = build("shop", &image("shop", "1"));
    request.processes.insert("worker".to_owned(), "./work".to_owned());
    assert_eq!(events(&sandbox, request).await, ["v2 created", "v2 deployed"]);
    set(&sandbox, &token, json!({ "web": { "min": 1, "max": 8, "cpu_percent": 75 } })).await;
    sandbox.cluster.autoscale("shop", 5);
    let (first, repeat) = (record(&sandbox, &[("worker", 3)]).await, record(&sandbox, &[("worker", 3)]).await);
    sandbox.cluster.crash_from_now_on();
    let (ledger, deployer) = (sandbox.workflow.ledger.as_ref(), &sandbox.workflow.deployer);
    let app = "shop".parse().unwrap();
    let told = apps::scaled(ledger, deployer, &app, &repeat).await.unwrap_err().to_string();
    assert!(!told.contains("hold"), "a repeat takes nothing back: {told}");
    let told = apps::scaled(ledger, deployer, &app, &first).await.unwrap_err().to_string();
    assert!(told.ends_with("The old numbers hold again."), "{told}");
    assert_eq!(sandbox.get("/v2/apps/shop/", &token).await.body["structure"], json!({ "web": 1 }));
    sandbox.cluster.eventually(|cluster| cluster.controllers().contains(&"v2 worker 0".to_owned())).await;
    is(&sandbox, &["v2 web 5", "v2 worker 0"], &["v2 web 1-8 75%"]);
    let recorded = sandbox.logger.events("shop", 9).await;
    assert_eq!(recorded.iter().filter(|event| event.ends_with("scaled pods worker=3")).count(), 1, "{recorded:?}");
}
