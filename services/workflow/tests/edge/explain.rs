use reqwest::Method;
use serde_json::{Value, json};

use super::cluster::{CRASHING, SLOW};
use super::push::{build, deploy, events, image};
use super::sandbox::{Sandbox, stable};

const PATH: &str = "/v2/apps/shop/explain/";

async fn explained(sandbox: &Sandbox, token: &str) -> Value {
    let answer = sandbox.get(PATH, token).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    stable(answer.body)
}

fn codes(explanation: &Value) -> Vec<&str> {
    let problems = explanation["problems"].as_array().unwrap();
    problems.iter().map(|problem| problem["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_app_explains_itself_from_its_first_day_on() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let mut told = vec![explained(&sandbox, &token).await];
    events(&sandbox, build("shop", &image("shop", CRASHING))).await;
    told.push(explained(&sandbox, &token).await);
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    told.push(explained(&sandbox, &token).await);
    sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": 0 })).await;
    told.push(explained(&sandbox, &token).await);
    sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": 2 })).await;
    events(&sandbox, build("shop", &image("shop", CRASHING))).await;
    told.push(explained(&sandbox, &token).await);
    insta::assert_json_snapshot!(told);
}

#[tokio::test]
async fn what_a_deploy_waits_for_is_told_meanwhile() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    let mut slow = sandbox.push.clone().create_build(build("shop", &image("shop", SLOW))).await.unwrap().into_inner();
    sandbox.cluster.eventually(|cluster| cluster.controllers().contains(&"v3 web 1".to_owned())).await;
    insta::assert_json_snapshot!(explained(&sandbox, &token).await);
    sandbox.cluster.let_slow_pods_go();
    while slow.message().await.unwrap().is_some() {}
    assert_eq!(codes(&explained(&sandbox, &token).await), Vec::<&str>::new());
}

#[tokio::test]
async fn what_runs_and_is_not_well_is_told_with_its_pod() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": 2 })).await;
    sandbox.router.lose_all();
    let unrouted = explained(&sandbox, &token).await;
    assert_eq!((codes(&unrouted), &unrouted["state"]), (vec!["not-routed"], &json!("degraded")));
    assert_eq!(unrouted["problems"][0]["other_pods"], 1);
    sandbox.cluster.idle();
    let down = explained(&sandbox, &token).await;
    assert_eq!(down["headline"], "shop is down: 0 of 2 web pods are ready.");
    let pods = sandbox.get("/v2/apps/shop/pods/", &token).await.body;
    let pods = pods["results"].as_array().unwrap().iter().map(|pod| &pod["name"]).collect::<Vec<_>>();
    assert!(pods.contains(&&down["problems"][0]["pod"]), "{down}");
}

#[tokio::test]
async fn only_who_may_read_an_app_is_told() {
    let sandbox = Sandbox::start().await;
    let owner = sandbox.app("shop").await;
    let stranger = sandbox.user("eve").await;
    let mut lines = vec![
        sandbox.call(Method::GET, PATH, None, None).await.line(),
        sandbox.get(PATH, &stranger).await.line(),
        sandbox.get("/v2/apps/shoppe/explain/", &owner).await.line(),
    ];
    sandbox.post("/v2/apps/shop/perms/", &owner, json!({ "username": "eve" })).await;
    lines.push(sandbox.get(PATH, &stranger).await.status.to_string());
    insta::assert_yaml_snapshot!(lines);
}
