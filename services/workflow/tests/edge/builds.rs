use deis_proto::workflow::RecordFailedBuildRequest;
use deis_rpc::Fault;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::push::{build, events, image};
use super::sandbox::{Sandbox, stable};

fn failed(code: &str, message: &str) -> RecordFailedBuildRequest {
    RecordFailedBuildRequest {
        request_key: Uuid::new_v4().simple().to_string(),
        username: "bob".to_owned(),
        app: "shop".to_owned(),
        sha: "acaa8a5f00000000000000000000000000000000".to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
        log: "-----> Go app detected\n ! no go.mod\n".to_owned(),
    }
}

async fn record(sandbox: &Sandbox, request: RecordFailedBuildRequest) -> Option<String> {
    let answer = sandbox.push.clone().record_failed_build(request).await;
    answer.err().map(|status| format!("{}: {}", Fault::from(&status).code, status.message()))
}

async fn log(sandbox: &Sandbox, token: &str, uuid: &Value) -> (u16, Option<String>, Value) {
    let answer = sandbox.get(&format!("/v2/apps/shop/builds/{}/log", uuid.as_str().unwrap()), token).await;
    let kind = answer.headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    (answer.status.as_u16(), kind, answer.body)
}

#[tokio::test]
async fn failed_builds_are_kept_with_their_logs() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let mut first = build("shop", &image("shop", "1"));
    first.log = "-----> Go app detected\n".to_owned();
    assert_eq!(events(&sandbox, first).await, ["v2 created", "v2 deployed"]);
    let repeated = failed("build-failed", "The buildpack deis/go ended with an error.");
    for request in [
        repeated.clone(),
        repeated,
        failed("build-cancelled", "bob cancelled the build."),
        failed("a-code-of-later", "Something new."),
    ] {
        assert_eq!(record(&sandbox, request).await, None);
    }
    let builds = sandbox.get("/v2/apps/shop/builds/", &token).await.body;
    let mut shown = stable(builds.clone());
    // Those of one millisecond have no order.
    shown["results"].as_array_mut().unwrap().sort_by_key(|build| build["failure"].to_string());
    insta::assert_json_snapshot!(shown);

    for build in builds["results"].as_array().unwrap() {
        let one = sandbox.get(&format!("/v2/apps/shop/builds/{}/", build["uuid"].as_str().unwrap()), &token).await;
        assert_eq!(one.body, *build);
        let expected = match build["state"].as_str().unwrap() {
            "succeeded" => "-----> Go app detected\n",
            _ => "-----> Go app detected\n ! no go.mod\n",
        };
        let (status, kind, text) = log(&sandbox, &token, &build["uuid"]).await;
        assert_eq!((status, kind.as_deref(), text), (200, Some("text/plain; charset=utf-8"), json!(expected)));
    }
    assert_eq!(sandbox.get("/v2/apps/shop/releases/", &token).await.body["count"], 2, "failed builds make no release");
    assert_eq!(sandbox.cluster.controllers(), ["v2 web 1"]);
    let missing = log(&sandbox, &token, &json!(Uuid::new_v4())).await;
    assert_eq!((missing.0, missing.2), (404, json!("No Build matches the given query.")));
}

#[tokio::test]
async fn only_who_may_push_records_failures() {
    let sandbox = Sandbox::start().await;
    sandbox.app("shop").await;
    sandbox.user("eve").await;
    let refusals = [
        RecordFailedBuildRequest { username: "eve".to_owned(), ..failed("build-failed", "x") },
        RecordFailedBuildRequest { app: "nowhere".to_owned(), ..failed("build-failed", "x") },
        RecordFailedBuildRequest { sha: "abc".to_owned(), ..failed("build-failed", "x") },
        RecordFailedBuildRequest { request_key: "short".to_owned(), ..failed("build-failed", "x") },
    ];
    let mut lines = Vec::new();
    for request in refusals {
        lines.push(record(&sandbox, request).await.unwrap());
    }
    insta::assert_yaml_snapshot!(lines);
}

/// The builder itself is another service; here is what becomes of its answers.
#[tokio::test]
async fn builds_are_cancelled_and_caches_cleared() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let eve = sandbox.user("eve").await;
    let delete = |what: &'static str, token: &str| {
        let (sandbox, token) = (&sandbox, token.to_owned());
        async move {
            sandbox.call(Method::DELETE, &format!("/v2/apps/shop/builds/{what}/"), Some(&token), None).await.line()
        }
    };
    let mut lines = vec![delete("running", &token).await];
    sandbox.builder.build("acaa8a5f00000000000000000000000000000000");
    lines.push(delete("running", &eve).await);
    lines.push(delete("running", &token).await);
    assert_eq!(sandbox.builder.cancelled_by(), ["bob"]);
    lines.push(delete("running", &token).await);
    lines.push(delete("cache", &token).await);
    lines.push(delete("cache", &eve).await);
    sandbox.builder.go_away();
    lines.push(delete("cache", &token).await);
    insta::assert_yaml_snapshot!(lines);
}
