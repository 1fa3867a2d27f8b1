//! The builder itself is another service; here is what becomes of its answers.

use deis_api::Code;
use deis_workflow::images::{Copied, Pulled};
use deis_workflow::releases::MissingProcfile;
use reqwest::Method;
use serde_json::{Value, json};

use super::cluster::{CRASHING, SLOW};
use super::push::{build, deploy, events, image};
use super::sandbox::{Answer, Sandbox, Setup, stable};

fn copied(end: &str, exposed_port: Option<u16>) -> Result<Copied, (Code, &'static str)> {
    let pulled = Pulled { user: 101, exposed_port, entrypoint: vec!["/serve".to_owned()], command: Vec::new() };
    Ok(Copied { image: image("shop", end), pulled })
}

async fn pull(sandbox: &Sandbox, token: &str, body: Value) -> Answer {
    sandbox.post("/v2/apps/shop/builds/", token, body).await
}

async fn count(sandbox: &Sandbox, token: &str, what: &str) -> Value {
    sandbox.get(&format!("/v2/apps/shop/{what}/"), token).await.body["count"].clone()
}

#[tokio::test]
async fn an_image_is_pulled_released_and_deployed() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    sandbox.builder.answer_pull(copied("1", Some(8080)));
    let answer =
        pull(&sandbox, &token, json!({ "image": "nginx:1", "procfile": {}, "sha": "", "dockerfile": "" })).await;
    assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
    insta::assert_json_snapshot!(stable(answer.body.clone()));
    assert_eq!(sandbox.builder.pulled(), ["shop <- nginx:1"]);
    assert_eq!(sandbox.cluster.controllers(), ["v2 cmd 1"]);
    assert_eq!(sandbox.cluster.environment("shop", 2)["PORT"], "8080");
    assert!(!sandbox.cluster.environment("shop", 2).contains_key("SOURCE_VERSION"));
    let release = sandbox.get("/v2/apps/shop/releases/v2/", &token).await;
    assert_eq!(release.body["summary"], "bob deployed nginx:1");
    assert_eq!(sandbox.get("/v2/apps/shop/", &token).await.body["structure"], json!({ "cmd": 1 }));
    let uuid = answer.body["uuid"].as_str().unwrap();
    assert_eq!(sandbox.get(&format!("/v2/apps/shop/builds/{uuid}/"), &token).await.body, answer.body);
    let log = sandbox.get(&format!("/v2/apps/shop/builds/{uuid}/log"), &token).await;
    insta::assert_snapshot!(log.body.as_str().unwrap());

    // The next one has as many pods as this one; the port of the config wins.
    sandbox.post("/v2/apps/shop/scale/", &token, json!({ "cmd": 3 })).await;
    sandbox.post("/v2/apps/shop/config/", &token, json!({ "values": { "PORT": "9000" } })).await;
    sandbox.builder.answer_pull(copied("2", Some(8080)));
    pull(&sandbox, &token, json!({ "image": "nginx:2" })).await;
    assert_eq!(sandbox.cluster.controllers(), ["v4 cmd 3"]);
    assert_eq!(sandbox.cluster.environment("shop", 4)["PORT"], "9000");
}

#[tokio::test]
async fn an_app_goes_from_a_push_to_a_pull_and_back() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": 2 })).await;
    sandbox.builder.answer_pull(copied(CRASHING, Some(80)));
    let failed = pull(&sandbox, &token, json!({ "image": "nginx" })).await;
    assert_eq!((failed.status.as_u16(), failed.code.as_deref()), (400, Some("process-exited")));
    assert!(failed.body["detail"].as_str().unwrap().starts_with("(app::deploy): "), "{failed:?}");
    assert_eq!(sandbox.cluster.controllers(), ["v2 web 2"], "the pods of the push are all there");
    let release = sandbox.get("/v2/apps/shop/releases/v3/", &token).await.body;
    assert_eq!(release["failed"], true);

    sandbox.builder.answer_pull(copied("2", Some(80)));
    pull(&sandbox, &token, json!({ "image": "nginx" })).await;
    assert_eq!(sandbox.cluster.controllers(), ["v4 cmd 1"]);
    let back = sandbox.post("/v2/apps/shop/releases/rollback/", &token, json!({ "version": 2 })).await;
    assert_eq!(back.status.as_u16(), 201, "{back:?}");
    assert_eq!(sandbox.cluster.controllers(), ["v5 web 1"]);
    sandbox.builder.answer_pull(copied("3", None));
    sandbox.post("/v2/apps/shop/config/", &token, json!({ "values": { "PORT": "9000" } })).await;
    let body = json!({ "image": "nginx", "procfile": { "web": "serve", "worker": "work" } });
    let pulled = pull(&sandbox, &token, body).await;
    assert_eq!(pulled.status.as_u16(), 201, "{pulled:?}");
    assert_eq!(sandbox.cluster.controllers(), ["v7 web 1", "v7 worker 0"]);
}

#[tokio::test]
async fn refusals_change_nothing() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let eve = sandbox.user("eve").await;
    let mut lines = Vec::new();
    for body in [
        json!({}),
        json!({ "image": "" }),
        json!({ "image": "  " }),
        json!({ "image": "nginx", "procfile": { "web": "" } }),
        json!({ "image": "nginx", "procfile": { "web": null } }),
        json!({ "image": "nginx", "procfile": { "We b": "serve" } }),
        json!({ "image": "nginx", "procfile": { "build": "serve" } }),
        json!({ "image": "nginx", "sha": "acaa8a5f00000000000000000000000000000000" }),
    ] {
        lines.push(pull(&sandbox, &token, body).await.line());
    }
    lines.push(pull(&sandbox, &eve, json!({ "image": "nginx" })).await.line());
    assert!(sandbox.builder.pulled().is_empty());
    for (code, message) in [
        (Code::InvalidArgument, "\"A b\" is not the name of an image."),
        (Code::PermissionDenied, "Repository name deis/builder is not allowed, as it is reserved by Deis"),
        (Code::NotFound, "image nginx:none not found"),
        (Code::WrongArchitecture, "nginx:1 is built for linux/arm64, but the nodes here are linux/amd64."),
        (Code::RootRefused, "nginx:1 names no user, so it would run as root."),
        (Code::Unavailable, "The registry of nginx:1 broke off. Try again."),
    ] {
        sandbox.builder.answer_pull(Err((code, message)));
        lines.push(pull(&sandbox, &token, json!({ "image": "nginx" })).await.line());
    }
    sandbox.builder.answer_pull(copied("1", None));
    lines.push(pull(&sandbox, &token, json!({ "image": "nginx" })).await.line());
    let foreign = Copied {
        image: image("other", "1"),
        pulled: Pulled { user: 101, exposed_port: Some(80), ..Pulled::default() },
    };
    sandbox.builder.answer_pull(Ok(foreign));
    lines.push(pull(&sandbox, &token, json!({ "image": "nginx" })).await.line());
    let silent =
        Copied { image: image("shop", "1"), pulled: Pulled { user: 101, exposed_port: Some(80), ..Pulled::default() } };
    sandbox.builder.answer_pull(Ok(silent));
    lines.push(pull(&sandbox, &token, json!({ "image": "nginx" })).await.line());
    insta::assert_yaml_snapshot!(lines);
    assert_eq!(count(&sandbox, &token, "builds").await, 0);
    assert_eq!(count(&sandbox, &token, "releases").await, 1);
    assert!(sandbox.cluster.controllers().is_empty());
}

/// Only an administrator allows it, and it is not taken back from under an image that needs it.
#[tokio::test]
async fn an_image_runs_as_root_where_an_administrator_allows_it() {
    let sandbox = Sandbox::start().await;
    let (admin, eve) = (sandbox.user("admin").await, sandbox.user("eve").await);
    assert_eq!(sandbox.post("/v2/apps/", &eve, json!({ "id": "shop" })).await.status.as_u16(), 201);
    let as_root = || {
        let pulled =
            Pulled { user: 0, exposed_port: Some(80), entrypoint: vec!["/serve".to_owned()], command: Vec::new() };
        Ok(Copied { image: image("shop", "1"), pulled })
    };
    let root = async |method: Method, token: &str| sandbox.call(method, "/v2/apps/shop/root/", Some(token), None).await;
    let mut lines = vec![root(Method::POST, &eve).await.line()];
    sandbox.builder.answer_pull(as_root());
    lines.push(pull(&sandbox, &eve, json!({ "image": "nginx" })).await.line());
    assert!(!sandbox.cluster.allows_root("shop"));
    assert_eq!(count(&sandbox, &eve, "releases").await, 1);

    assert_eq!(root(Method::POST, &admin).await.line(), "204 - \"\"");
    assert!(sandbox.cluster.allows_root("shop"));
    assert_eq!(sandbox.get("/v2/apps/shop/", &eve).await.body["allow_root"], true);
    sandbox.builder.answer_pull(as_root());
    assert_eq!(pull(&sandbox, &eve, json!({ "image": "nginx" })).await.status.as_u16(), 201);
    assert_eq!(sandbox.builder.pulled().last().unwrap(), "shop <- nginx with root");
    lines.push(root(Method::DELETE, &eve).await.line());
    lines.push(root(Method::DELETE, &admin).await.line());
    assert!(sandbox.cluster.allows_root("shop"));

    // A deploy that fails goes back to the image that needs it.
    let mut slow = build("shop", &image("shop", SLOW));
    slow.username = "eve".to_owned();
    let mut slow = sandbox.push.clone().create_build(slow).await.unwrap().into_inner();
    let _created = slow.message().await.unwrap();
    lines.push(root(Method::DELETE, &admin).await.line());
    sandbox.cluster.let_slow_pods_go();
    while slow.message().await.unwrap().is_some() {}

    sandbox.builder.answer_pull(copied("2", Some(80)));
    assert_eq!(pull(&sandbox, &eve, json!({ "image": "nginx" })).await.status.as_u16(), 201);
    assert_eq!(root(Method::DELETE, &admin).await.line(), "204 - \"\"");
    assert!(!sandbox.cluster.allows_root("shop"));
    lines.push(sandbox.post("/v2/apps/shop/releases/rollback/", &eve, json!({ "version": 2 })).await.line());
    insta::assert_yaml_snapshot!(lines);
}

#[tokio::test]
async fn the_login_of_the_config_is_used() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let config = |body: Value| sandbox.post("/v2/apps/shop/config/", &token, body);
    config(json!({ "values": { "PORT": "5000" }, "registry": { "username": "ann" } })).await;
    let half = pull(&sandbox, &token, json!({ "image": "quay.io/ann/web" })).await;
    let expected = "400 invalid-argument {\"detail\":\"Registry auth requires a username and a password\"}";
    assert_eq!(half.line(), expected);
    config(json!({ "registry": { "password": "s3cret", "hostname": "quay.io" } })).await;
    for name in ["quay.io/ann/web", "nginx"] {
        sandbox.builder.answer_pull(copied("1", None));
        assert_eq!(pull(&sandbox, &token, json!({ "image": name })).await.status.as_u16(), 201);
    }
    assert_eq!(sandbox.builder.pulled(), ["shop <- quay.io/ann/web as ann:s3cret", "shop <- nginx"]);
}

#[tokio::test]
async fn an_image_without_a_port_keeps_the_one_it_was_given() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let config = |body: Value| sandbox.post("/v2/apps/shop/config/", &token, body);
    config(json!({ "values": { "PORT": "9000" } })).await;
    sandbox.builder.answer_pull(copied("1", None));
    pull(&sandbox, &token, json!({ "image": "nginx" })).await;
    let refused = config(json!({ "values": { "PORT": null } })).await;
    let text = "Expose a port or make the app non routable by changing the process type";
    assert_eq!(refused.line(), format!("400 failed-precondition {{\"detail\":\"{text}\"}}"));

    // Processes that nobody serves need none.
    sandbox.builder.answer_pull(copied("2", None));
    pull(&sandbox, &token, json!({ "image": "nginx", "procfile": { "worker": "work" } })).await;
    sandbox.post("/v2/apps/shop/scale/", &token, json!({ "cmd": 0, "worker": 1 })).await;
    assert_eq!(config(json!({ "values": { "PORT": null } })).await.status.as_u16(), 201);
    assert_eq!(sandbox.cluster.controllers(), ["v5 cmd 0", "v5 worker 1"]);
    assert!(!sandbox.cluster.environment("shop", 5).contains_key("PORT"));
}

#[tokio::test]
async fn a_procfile_is_wanted_where_there_was_one() {
    let setup = Setup { missing_procfile: MissingProcfile::Refused, ..Setup::default() };
    let sandbox = Sandbox::start_as(setup).await;
    let token = sandbox.app("shop").await;
    let refusal =
        "Last deployment had a Procfile but is missing in this deploy. For a successful deployment provide a Procfile.";

    // The first one need not have any, and then the next neither.
    for end in ["1", "2"] {
        sandbox.builder.answer_pull(copied(end, Some(8080)));
        assert_eq!(pull(&sandbox, &token, json!({ "image": "nginx" })).await.status.as_u16(), 201);
    }
    deploy(&sandbox, "shop", &image("shop", "3")).await;
    let refused = pull(&sandbox, &token, json!({ "image": "nginx" })).await;
    assert_eq!(refused.line(), format!("409 procfile-missing {}", json!({ "detail": refusal })));
    assert_eq!(sandbox.builder.pulled().len(), 2, "nothing is copied for nothing");
    let mut push = build("shop", &image("shop", "4"));
    push.processes.clear();
    assert_eq!(events(&sandbox, push).await, [format!("procfile-missing: {refusal}")]);
    assert_eq!(count(&sandbox, &token, "releases").await, 4, "nothing was released");

    sandbox.builder.answer_pull(copied("5", Some(8080)));
    let with_one = json!({ "image": "nginx", "procfile": { "web": "serve" } });
    assert_eq!(pull(&sandbox, &token, with_one).await.status.as_u16(), 201);
}

/// Unless an operator says otherwise, an image needs none.
#[tokio::test]
async fn a_procfile_may_be_missing() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    sandbox.builder.answer_pull(copied("2", Some(8080)));
    assert_eq!(pull(&sandbox, &token, json!({ "image": "nginx" })).await.status.as_u16(), 201);
}
