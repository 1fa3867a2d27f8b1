use deis_proto::workflow::CreateBuildRequest;
use serde_json::{Value, json};

use super::push::{build, events, image};
use super::sandbox::Sandbox;

/// An app with three pods of `web` and one of `worker`.
async fn app() -> (Sandbox, String) {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let mut request: CreateBuildRequest = build("shop", &image("shop", "1"));
    request.processes.insert("worker".to_owned(), "./work".to_owned());
    assert_eq!(events(&sandbox, request).await, ["v2 created", "v2 deployed"]);
    let scaled = sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": 3, "worker": 1 })).await;
    assert_eq!(scaled.status.as_u16(), 204);
    (sandbox, token)
}

fn names(pods: &Value) -> Vec<String> {
    let mut names =
        pods.as_array().unwrap().iter().map(|pod| pod["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    names.sort();
    names
}

async fn pods(sandbox: &Sandbox, token: &str) -> Vec<String> {
    names(&sandbox.get("/v2/apps/shop/pods/", token).await.body["results"])
}

async fn restart(sandbox: &Sandbox, token: &str, which: &str) -> Vec<String> {
    let answer = sandbox.post(&format!("/v2/apps/shop/pods/{which}restart/"), token, json!({})).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    names(&answer.body)
}

#[tokio::test]
async fn all_pods_those_of_a_type_or_one() {
    let (sandbox, token) = app().await;
    let first = pods(&sandbox, &token).await;
    let second = restart(&sandbox, &token, "").await;
    assert_eq!((second.len(), pods(&sandbox, &token).await), (4, second.clone()));
    assert!(second.iter().all(|pod| !first.contains(pod)), "{first:?} {second:?}");

    let web = restart(&sandbox, &token, "web/").await;
    assert_eq!(web.len(), 3);
    let third = pods(&sandbox, &token).await;
    assert_eq!(third.iter().filter(|pod| second.contains(pod)).collect::<Vec<_>>().len(), 1, "the worker's");

    // `v2-web-00012` for `shop-v2-web-00012`.
    let short = web[0].strip_prefix("shop-").unwrap();
    let new = restart(&sandbox, &token, &format!("web/{short}/")).await;
    assert_eq!(new.len(), 1);
    let fourth = pods(&sandbox, &token).await;
    assert!(fourth.contains(&new[0]) && !third.contains(&new[0]) && !fourth.contains(&web[0]));
    assert_eq!(fourth.iter().filter(|pod| third.contains(pod)).count(), 3);

    for nothing in ["clock/", "Web/", "web/nowhere/", "worker/v2-web-00001/"] {
        assert!(restart(&sandbox, &token, nothing).await.is_empty(), "{nothing}");
    }
    assert_eq!(sandbox.cluster.controllers(), ["v2 web 3", "v2 worker 1"]);
    assert!(sandbox.workflow.ledger.unsettled().await.unwrap().is_empty());
}

#[tokio::test]
async fn pods_that_cannot_be_replaced_go_on_serving() {
    let (sandbox, token) = app().await;
    let before = pods(&sandbox, &token).await;
    sandbox.cluster.crash_from_now_on();
    let refused = sandbox.post("/v2/apps/shop/pods/restart/", &token, json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.code.as_deref()), (503, Some("unavailable")));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("(restart): The process"), "{detail}");
    assert!(detail.ends_with("go on serving."), "{detail}");
    assert_eq!(pods(&sandbox, &token).await, before);
    assert!(sandbox.workflow.ledger.unsettled().await.unwrap().is_empty());
}
