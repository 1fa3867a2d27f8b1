use serde_json::json;

use super::cluster::{CRASHING, SLOW};
use super::push::{build, deploy, events, image};
use super::sandbox::{Sandbox, stable};

#[tokio::test]
async fn the_story_of_the_talk() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("earthy-instinct").await;
    deploy(&sandbox, "earthy-instinct", &image("earthy-instinct", "1")).await;
    let config = json!({ "values": { "POWERED_BY": "Kubernetes" } });
    sandbox.post("/v2/apps/earthy-instinct/config/", &token, config).await;
    let back = sandbox.post("/v2/apps/earthy-instinct/releases/rollback/", &token, json!({})).await;
    assert_eq!(back.line(), "201 - {\"version\":4}");
    assert_eq!(sandbox.cluster.controllers(), ["v4 web 1"]);
    assert!(!sandbox.cluster.environment("earthy-instinct", 4).contains_key("POWERED_BY"));
    let releases = sandbox.get("/v2/apps/earthy-instinct/releases", &token).await;
    insta::assert_json_snapshot!(stable(releases.body));
    let shown = sandbox.get("/v2/apps/earthy-instinct/releases/v3/", &token).await;
    assert_eq!(shown.body["summary"], "bob added POWERED_BY");
}

#[tokio::test]
async fn some_releases_cannot_be_gone_back_to() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let path = "/v2/apps/shop/releases/rollback/";
    let mut lines = vec![sandbox.post(path, &token, json!({})).await.line()];
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    lines.push(sandbox.post(path, &token, json!({})).await.line());
    events(&sandbox, build("shop", &image("shop", CRASHING))).await;
    for version in [0, 1, 3, 9] {
        lines.push(sandbox.post(path, &token, json!({ "version": version })).await.line());
    }
    insta::assert_yaml_snapshot!(lines);
    for version in ["v9", "v0", "x", "9"] {
        let missing = sandbox.get(&format!("/v2/apps/shop/releases/{version}/"), &token).await;
        assert_eq!(missing.line(), "404 not-found \"No Release matches the given query.\"");
    }
}

#[tokio::test]
async fn a_release_without_a_build_does_not_replace_one_that_serves() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let config = json!({ "values": { "POWERED_BY": "Kubernetes" } });
    sandbox.post("/v2/apps/shop/config/", &token, config).await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    let refused = sandbox.post("/v2/apps/shop/releases/rollback/", &token, json!({})).await;
    let expected =
        "400 failed-precondition {\"detail\":\"Cannot roll back to v2: it has no build, so nothing would run.\"}";
    assert_eq!(refused.line(), expected);
    assert_eq!(sandbox.cluster.controllers(), ["v3 web 1"]);
}

#[tokio::test]
async fn while_a_deploy_is_under_way_nothing_else_is_released() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let mut slow = sandbox.push.clone().create_build(build("shop", &image("shop", SLOW))).await.unwrap().into_inner();
    assert!(slow.message().await.unwrap().is_some());
    let refused = sandbox.post("/v2/apps/shop/config/", &token, json!({ "values": { "A": "1" } })).await;
    assert_eq!(
        refused.line(),
        "409 deploy-in-progress {\"detail\":\"Deployment for shop is already in progress: it goes on, and 'deis releases:watch \
         -a shop' shows how. Try again when it is through.\"}"
    );
    sandbox.cluster.let_slow_pods_go();
    while slow.message().await.unwrap().is_some() {}
    let accepted = sandbox.post("/v2/apps/shop/config/", &token, json!({ "values": { "A": "1" } })).await;
    assert_eq!(accepted.status.as_u16(), 201);
    assert_eq!(sandbox.get("/v2/apps/shop/releases/", &token).await.body["count"], 3);
}

#[tokio::test]
async fn a_config_that_fails_is_told_to_whoever_set_it() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    events(&sandbox, build("shop", &image("shop", CRASHING))).await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    sandbox.cluster.crash_from_now_on();
    let failed = sandbox.post("/v2/apps/shop/config/", &token, json!({ "values": { "A": "1" } })).await;
    assert_eq!(failed.status.as_u16(), 400);
    assert_eq!(failed.code.as_deref(), Some("process-exited"));
    let detail = failed.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("(app::deploy): The process web ended 2 times"), "{detail}");
    let config = sandbox.get("/v2/apps/shop/config/", &token).await;
    assert_eq!(config.body["values"], json!({}), "that of the release that is good");
    let release = sandbox.get("/v2/apps/shop/releases/v4/", &token).await;
    assert_eq!(release.body["summary"], "bob deployed a config that failed");
}

#[tokio::test]
async fn the_release_command_runs_once_for_each_release_and_is_no_process() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let with_command = |end: &str| {
        let mut request = build("shop", &image("shop", end));
        request.processes.insert("release".to_owned(), "./migrate".to_owned());
        request
    };
    assert_eq!(events(&sandbox, with_command("1")).await, ["v2 created", "v2 deployed"]);
    assert_eq!(sandbox.get("/v2/apps/shop/", &token).await.body["structure"], json!({ "web": 1 }));
    let refused = sandbox.post("/v2/apps/shop/scale/", &token, json!({ "release": 1 })).await;
    assert_eq!(refused.status.as_u16(), 404, "{refused:?}");
    let changed = sandbox.post("/v2/apps/shop/config/", &token, json!({ "values": { "A": "1" } })).await;
    assert_eq!(changed.status.as_u16(), 201);
    sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": 2 })).await;
    assert_eq!(sandbox.cluster.phases(), ["shop v2", "shop v3"], "scaling is no release");
    let failed = events(&sandbox, with_command(CRASHING)).await;
    assert_eq!(failed, ["v4 created", "v4 failed: release-phase-failed [\"panic: no database\"]"]);
    assert_eq!(sandbox.cluster.controllers(), ["v3 web 2"]);
}
