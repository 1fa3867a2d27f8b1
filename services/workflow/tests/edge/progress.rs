//! Changes that nobody waits for, and how their deploys are watched.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::cluster::{CRASHING, SLOW};
use super::failpoints::Process;
use super::push::{build, deploy, events, image};
use super::sandbox::{Answer, Sandbox};

/// An app whose next pods do not become ready before the test says so.
async fn slow_app() -> (Sandbox, String) {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    sandbox.cluster.let_slow_pods_go();
    deploy(&sandbox, "shop", &image("shop", SLOW)).await;
    sandbox.cluster.hold_slow_pods();
    (sandbox, token)
}

async fn watch(sandbox: &Sandbox, version: &str, token: &str) -> Response {
    sandbox.open(&format!("/v2/apps/shop/releases/{version}/progress/"), token, "application/x-ndjson").await
}

/// The next line of an answer that tells more than that somebody is there.
async fn line(response: &mut Response) -> Option<Value> {
    loop {
        match response.chunk().await.unwrap() {
            Some(chunk) if chunk.trim_ascii().is_empty() => {}
            chunk => return chunk.map(|chunk| serde_json::from_slice(&chunk).unwrap()),
        }
    }
}

/// How an answer says that nobody waited.
fn head(answer: &Answer) -> String {
    let header = |name| answer.headers.get(name).map(|value| value.to_str().unwrap());
    format!("{} {:?} {:?}", answer.status.as_u16(), header("preference-applied"), header("location"))
}

#[tokio::test]
async fn a_change_that_nobody_waits_for_is_watched_to_its_end() {
    let (sandbox, token) = slow_app().await;
    let body = json!({ "values": { "A": "1" } });
    let answer = sandbox.call_async(Method::POST, "/v2/apps/shop/config/", &token, body).await;
    let location = r#"202 Some("respond-async") Some("/v2/apps/shop/releases/v3/progress/")"#;
    assert_eq!((head(&answer).as_str(), &answer.body["values"]), (location, &json!({ "A": "1" })));

    let mut first = watch(&sandbox, "v3", &token).await;
    assert_eq!(first.headers()["content-type"], "application/x-ndjson");
    assert_eq!(line(&mut first).await.unwrap(), json!({ "kind": "step", "text": "web: 0 of 1 pods ready" }));
    let mut second = watch(&sandbox, "v3", &token).await;
    drop(first);
    sandbox.cluster.let_slow_pods_go();
    let mut last = None;
    while let Some(next) = line(&mut second).await {
        last = Some(next);
    }
    assert_eq!(last.unwrap(), json!({ "kind": "deployed" }));
    assert_eq!(sandbox.cluster.controllers(), ["v3 web 1"]);
}

#[tokio::test]
async fn nobody_has_to_wait_for_any_change() {
    let (sandbox, token) = slow_app().await;
    let mut told = Vec::new();
    let app = "/v2/apps/shop";
    let ask = async |method: Method, path: &str, body: Value| {
        let answer = sandbox.call_async(method, &format!("{app}{path}"), &token, body).await;
        format!("{path}: {} {}", head(&answer), super::sandbox::stable(answer.body))
    };
    told.push(ask(Method::POST, "/scale/", json!({ "web": 2 })).await);
    told.push(ask(Method::POST, "/scale/", json!({ "worker": 2 })).await);
    sandbox.cluster.let_slow_pods_go();
    sandbox.cluster.eventually(|cluster| cluster.controllers() == ["v2 web 2"]).await;
    assert!(sandbox.replica().converge(&"shop".parse().unwrap()).ended().await.is_ok());
    sandbox.cluster.hold_slow_pods();
    told.push(ask(Method::POST, "/pods/restart/", json!({})).await);
    told.push(ask(Method::POST, "/pods/clock/restart/", json!({})).await);
    told.push(
        ask(Method::POST, "/config/", json!({ "values": { "A": "1" } })).await.split('{').next().unwrap().to_owned(),
    );
    // While that is deployed nothing else can be released.
    told.push(ask(Method::POST, "/releases/rollback/", json!({})).await);
    sandbox.cluster.let_slow_pods_go();
    let mut progress = watch(&sandbox, "v3", &token).await;
    while line(&mut progress).await.is_some() {}
    told.push(ask(Method::POST, "/releases/rollback/", json!({ "version": 2 })).await);
    sandbox.cluster.hold_namespaces("Kubernetes still deletes the namespace shop.");
    told.push(ask(Method::DELETE, "/", json!({})).await);
    insta::assert_snapshot!(told.join("\n"));
    sandbox.cluster.let_namespaces_go();
    sandbox.cluster.eventually(|cluster| cluster.controllers().is_empty()).await;
}

#[tokio::test]
async fn what_is_over_is_told_at_once() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    events(&sandbox, build("shop", &image("shop", CRASHING))).await;
    let eve = sandbox.user("eve").await;
    let mut told = Vec::new();
    for (version, token) in
        [("v1", &token), ("v2", &token), ("v3", &token), ("v4", &token), ("vv", &token), ("v2", &eve)]
    {
        let answer = watch(&sandbox, version, token).await;
        told.push(format!("{version}: {} {}", answer.status().as_u16(), answer.text().await.unwrap()));
    }
    insta::assert_snapshot!(told.join("\n"));
}

/// The run that a watch asked for may come to the next release: that is not told of this one.
#[tokio::test]
async fn whoever_watches_hears_of_one_release_alone() {
    let (sandbox, token) = slow_app().await;
    let set = |value: &'static str| {
        let body = json!({ "values": { "A": value } });
        sandbox.call_async(Method::POST, "/v2/apps/shop/config/", &token, body)
    };
    assert_eq!(set("1").await.status.as_u16(), 202);
    let mut watching = watch(&sandbox, "v3", &token).await;
    let waiting = json!({ "kind": "step", "text": "web: 0 of 1 pods ready" });
    assert_eq!(line(&mut watching).await.unwrap(), waiting);
    sandbox.cluster.let_slow_pods_go();
    let mut progress = watch(&sandbox, "v3", &token).await;
    while line(&mut progress).await.is_some() {}
    sandbox.cluster.hold_slow_pods();
    assert_eq!(set("2").await.status.as_u16(), 202);
    let mut told = Vec::new();
    while let Some(next) = line(&mut watching).await {
        told.push(next);
    }
    let end = told.pop().unwrap();
    assert_eq!(end["kind"], "deployed", "{end}");
    assert!(told.iter().all(|step| *step == waiting), "{told:?}");

    // Who asks now is told what has taken its place, and v4 is not at its end.
    let mut late = watch(&sandbox, "v3", &token).await;
    assert_eq!(line(&mut late).await.unwrap(), json!({ "kind": "deployed", "superseded_by": 4 }));
    assert_eq!(line(&mut watch(&sandbox, "v4", &token).await).await.unwrap(), waiting);
    sandbox.cluster.let_slow_pods_go();
}

/// Whoever watches asks another controller, which goes on with the deploy and tells its end.
#[tokio::test]
async fn a_watch_goes_on_where_a_controller_died() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let process = Process::start(&sandbox);
    process.failpoints.arm("deploy.succeed.before", 0);
    process.push(build("shop", &image("shop", "1"))).await;
    assert!(process.is_dead());
    let mut progress = watch(&sandbox, "v2", &token).await;
    let mut last = None;
    while let Some(next) = line(&mut progress).await {
        last = Some(next);
    }
    assert_eq!(last.unwrap(), json!({ "kind": "deployed" }));
    assert_eq!(sandbox.cluster.controllers(), ["v2 web 1"]);
}
