use std::collections::HashMap;

use deis_proto::workflow::deploy_event::Event;
use deis_proto::workflow::{
    AuthenticateKeyRequest, AuthorizeGitRequest, CreateBuildRequest, GetBuildContextRequest, GitAccess,
};
use deis_rpc::Fault;
use serde_json::json;

use super::cluster::{CRASHING, SLOW};
use super::sandbox::Sandbox;

/// An image whose digest ends like this.
pub(crate) fn image(app: &str, end: &str) -> String {
    format!("127.0.0.1:5555/{app}@sha256:{end:0>64}")
}

pub(crate) fn build(app: &str, image: &str) -> CreateBuildRequest {
    CreateBuildRequest {
        request_key: uuid::Uuid::new_v4().simple().to_string(),
        username: "bob".to_owned(),
        app: app.to_owned(),
        image: image.to_owned(),
        sha: "acaa8a5f00000000000000000000000000000000".to_owned(),
        processes: HashMap::from([("web".to_owned(), "./server".to_owned())]),
        detected: "Go".to_owned(),
        log: String::new(),
    }
}

/// All events of a build, one line each; steps are left out, they depend on timing.
pub(crate) async fn events(sandbox: &Sandbox, request: CreateBuildRequest) -> Vec<String> {
    let stream = sandbox.push.clone().create_build(request).await;
    let mut stream = match stream {
        Ok(stream) => stream.into_inner(),
        Err(status) => return vec![refusal(&status)],
    };
    let mut lines = Vec::new();
    loop {
        match stream.message().await {
            Ok(Some(event)) => match event.event.unwrap() {
                Event::ReleaseCreated(created) => lines.push(format!("v{} created", created.version)),
                Event::Step(_) => {}
                Event::Deployed(deployed) => lines.push(format!("v{} deployed", deployed.version)),
                Event::Failed(failed) => {
                    lines.push(format!("v{} failed: {} {:?}", failed.version, failed.code, failed.log_tail));
                }
            },
            Ok(None) => return lines,
            Err(status) => {
                lines.push(refusal(&status));
                return lines;
            }
        }
    }
}

fn refusal(status: &tonic::Status) -> String {
    let fault = Fault::from(status);
    format!("{}: {}", fault.code, fault.message)
}

/// Builds and deploys.
pub(crate) async fn deploy(sandbox: &Sandbox, app: &str, image: &str) {
    let lines = events(sandbox, build(app, image)).await;
    assert!(lines.last().unwrap().ends_with("deployed"), "{lines:?}");
}

#[tokio::test]
async fn a_build_is_released_and_deployed() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    assert_eq!(events(&sandbox, build("shop", &image("shop", "1"))).await, ["v2 created", "v2 deployed"]);
    assert_eq!(sandbox.cluster.controllers(), ["v2 web 1"]);
    let app = sandbox.get("/v2/apps/shop/", &token).await;
    assert_eq!(app.body["structure"], json!({ "web": 1 }));
    let builds = sandbox.get("/v2/apps/shop/builds/", &token).await.body;
    insta::assert_json_snapshot!(super::sandbox::stable(builds.clone()));
    let uuid = builds["results"][0]["uuid"].as_str().unwrap();
    let shown = sandbox.get(&format!("/v2/apps/shop/builds/{uuid}/"), &token).await;
    assert_eq!(shown.body, builds["results"][0]);
    let pods = sandbox.get("/v2/apps/shop/pods/", &token).await;
    insta::assert_json_snapshot!(super::sandbox::stable(pods.body));
}

#[tokio::test]
async fn a_repeated_request_joins_the_first() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let request = build("shop", &image("shop", SLOW));
    let first = sandbox.push.clone().create_build(request.clone()).await.unwrap().into_inner();
    // The caller goes away while pods come up.
    let mut first = first;
    assert!(matches!(first.message().await.unwrap().unwrap().event, Some(Event::ReleaseCreated(_))));
    drop(first);
    sandbox.cluster.let_slow_pods_go();
    assert_eq!(events(&sandbox, request).await, ["v2 created", "v2 deployed"]);
    assert_eq!(sandbox.get("/v2/apps/shop/releases/", &token).await.body["count"], 2);
}

#[tokio::test]
async fn a_failing_release_leaves_the_old_one() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": 3 })).await;
    let lines = events(&sandbox, build("shop", &image("shop", CRASHING))).await;
    assert_eq!(lines, ["v3 created", "v3 failed: process-exited [\"panic: no database\"]"]);
    assert_eq!(sandbox.cluster.controllers(), ["v2 web 3"]);
    assert_eq!(sandbox.cluster.reports(), ["shop: process-exited"]);
    let release = sandbox.get("/v2/apps/shop/releases/v3/", &token).await.body;
    assert_eq!(release["failed"], true);
    assert!(release["summary"].as_str().unwrap().ends_with("which failed"), "{release}");
    let exception = release["exception"].as_str().unwrap();
    assert!(exception.starts_with("error: The process web ended 2 times"), "{exception}");
    assert!(exception.ends_with("Its last lines say why: deis logs --process web."), "{exception}");
    assert_eq!((&release["code"], &release["log_tail"]), (&json!("process-exited"), &json!(["panic: no database"])));
    let listed = sandbox.get("/v2/apps/shop/releases/", &token).await.body["results"][0].clone();
    assert_eq!((&listed["code"], &listed["log_tail"]), (&json!("process-exited"), &json!(null)), "lists are short");

    // What comes next starts from the release that is good.
    deploy(&sandbox, "shop", &image("shop", "2")).await;
    assert_eq!(sandbox.cluster.controllers(), ["v4 web 3"]);
}

#[tokio::test]
async fn a_first_release_that_fails_leaves_nothing() {
    let sandbox = Sandbox::start().await;
    sandbox.app("shop").await;
    let lines = events(&sandbox, build("shop", &image("shop", CRASHING))).await;
    assert!(lines[1].starts_with("v2 failed: process-exited"), "{lines:?}");
    assert!(sandbox.cluster.controllers().is_empty());
}

#[tokio::test]
async fn only_those_who_may_push() {
    let sandbox = Sandbox::start().await;
    sandbox.app("shop").await;
    sandbox.user("eve").await;
    let ask = |username: &str, app: &str, access: GitAccess| {
        let request = AuthorizeGitRequest { username: username.to_owned(), app: app.to_owned(), access: access.into() };
        let mut push = sandbox.push.clone();
        async move { push.authorize_git(request).await.map_or_else(|status| refusal(&status), |_| "yes".to_owned()) }
    };
    let mut answers = Vec::new();
    for access in [GitAccess::Read, GitAccess::Write, GitAccess::Unspecified] {
        for (username, app) in [("bob", "shop"), ("eve", "shop"), ("bob", "sho"), ("bob", "../shop"), ("", "shop")] {
            answers.push(format!("{username} {access:?} {app}: {}", ask(username, app, access).await));
        }
    }
    insta::assert_yaml_snapshot!(answers);
    let mut foreign = build("shop", &image("shop", "1"));
    foreign.username = "eve".to_owned();
    let refused = events(&sandbox, foreign).await;
    assert!(refused[0].starts_with("permission-denied"), "{refused:?}");
}

#[tokio::test]
async fn builds_that_cannot_be_are_refused() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let mut answers = Vec::new();
    let refused = |change: fn(&mut CreateBuildRequest)| {
        let mut request = build("shop", &image("shop", "1"));
        change(&mut request);
        request
    };
    for request in [
        refused(|request| request.image = image("other", "1")),
        refused(|request| request.sha = "acaa8a5".to_owned()),
        refused(|request| request.request_key = "short".to_owned()),
        refused(|request| drop(request.processes.insert("run".to_owned(), "x".to_owned()))),
        refused(|request| drop(request.processes.insert("Web".to_owned(), "x".to_owned()))),
        refused(|request| drop(request.processes.insert("web".to_owned(), " ".to_owned()))),
    ] {
        answers.extend(events(&sandbox, request).await);
    }
    insta::assert_yaml_snapshot!(answers);
    assert_eq!(sandbox.get("/v2/apps/shop/releases/", &token).await.body["count"], 1);
}

#[tokio::test]
async fn a_key_says_who_pushes_and_the_config_what_it_is_built_with() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0mYpZ8mQm7vXkH0r3hXo7Vd3bqC3sJ2l5oYq2bQm3n";
    let added = sandbox.post("/v2/keys/", &token, json!({ "id": "laptop", "public": public })).await;
    assert_eq!(added.status.as_u16(), 201);
    let stored = sandbox.workflow.ledger.key(&"bob".parse().unwrap(), &"laptop".parse().unwrap()).await.unwrap();
    let mut push = sandbox.push.clone();
    let known =
        push.authenticate_key(AuthenticateKeyRequest { public_key: stored.unwrap().blob.into() }).await.unwrap();
    assert_eq!(known.into_inner().username, "bob");
    let unknown = push.authenticate_key(AuthenticateKeyRequest { public_key: b"x".to_vec().into() }).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);

    sandbox.post("/v2/apps/shop/config/", &token, json!({ "values": { "GOFLAGS": "-v" } })).await;
    let request = GetBuildContextRequest { username: "bob".to_owned(), app: "shop".to_owned() };
    let context = push.get_build_context(request).await.unwrap().into_inner();
    assert_eq!(context.environment["GOFLAGS"], "-v");
}
