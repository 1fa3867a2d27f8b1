//! A client whose controller died asks again, here or elsewhere.

use deis_workflow::images::{Copied, Pulled};
use reqwest::Method;
use serde_json::{Value, json};

use super::cluster::SLOW;
use super::push::{deploy, image};
use super::sandbox::Sandbox;

const KEY: &str = "0123456789abcdef";

async fn count(sandbox: &Sandbox, token: &str) -> Value {
    sandbox.get("/v2/apps/shop/releases/", token).await.body["count"].clone()
}

/// Every request that makes a release, asked twice, makes one, and is answered twice with it.
#[tokio::test]
async fn a_repeat_joins_the_first() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    let pulled =
        Pulled { user: 101, exposed_port: Some(8080), entrypoint: vec!["/serve".to_owned()], command: Vec::new() };
    sandbox.builder.answer_pull(Ok(Copied { image: image("shop", "2"), pulled }));
    let requests = [
        ("config", json!({ "values": { "A": "1" } })),
        ("releases/rollback", json!({})),
        ("builds", json!({ "image": "nginx:1" })),
    ];
    for ((path, body), releases) in requests.into_iter().zip(3..) {
        let (path, key) = (format!("/v2/apps/shop/{path}/"), format!("{KEY}-{releases}"));
        let first = sandbox.post_with_key(&path, &token, &key, body.clone()).await;
        let second = sandbox.post_with_key(&path, &token, &key, body).await;
        assert_eq!(first.status.as_u16(), 201, "{first:?}");
        assert_eq!(second.line(), first.line());
        assert_eq!(count(&sandbox, &token).await, releases, "{path}");
    }
    assert_eq!(sandbox.builder.pulled(), ["shop <- nginx:1"], "the image is copied once");
}

/// What was checked when it came first is not checked again: by then the node may be gone.
#[tokio::test]
async fn a_repeat_needs_no_node() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let body = json!({ "tags": { "disk": "ssd" } });
    let tag = |key: &'static str| sandbox.post_with_key("/v2/apps/shop/config/", &token, key, body.clone());
    let first = tag(KEY).await;
    assert_eq!(first.status.as_u16(), 201, "{first:?}");
    sandbox.cluster.break_down();
    assert_eq!(tag(KEY).await.line(), first.line());
    assert_eq!(tag("another-0123456789").await.code.as_deref(), Some("failed-precondition"));
    assert_eq!(count(&sandbox, &token).await, 2);
}

#[tokio::test]
async fn a_repeat_is_told_that_the_first_has_failed() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    sandbox.cluster.crash_from_now_on();
    let body = json!({ "values": { "A": "1" } });
    let first = sandbox.post_with_key("/v2/apps/shop/config/", &token, KEY, body.clone()).await;
    assert_eq!(first.code.as_deref(), Some("process-exited"));
    assert_eq!(sandbox.post_with_key("/v2/apps/shop/config/", &token, KEY, body).await.line(), first.line());
    assert_eq!(count(&sandbox, &token).await, 3);
}

/// Numbers are how it is to be, so a scale needs no key; but it is answered when it is so.
#[tokio::test]
async fn a_scale_that_is_asked_for_again_is_waited_for() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    sandbox.cluster.let_slow_pods_go();
    deploy(&sandbox, "shop", &image("shop", SLOW)).await;
    sandbox.cluster.hold_slow_pods();
    let path = "/v2/apps/shop/scale/";
    let first = sandbox.call_async(Method::POST, path, &token, json!({ "web": 2 })).await;
    assert_eq!(first.status.as_u16(), 202, "{first:?}");
    let (second, ()) = tokio::join!(sandbox.post(path, &token, json!({ "web": 2 })), async {
        sandbox.cluster.let_slow_pods_go();
    });
    assert_eq!(second.status.as_u16(), 204, "{second:?}");
    let pods = sandbox.get("/v2/apps/shop/pods/web/", &token).await.body;
    assert_eq!(pods["results"].as_array().unwrap().iter().filter(|pod| pod["state"] == "up").count(), 2, "{pods}");
}
