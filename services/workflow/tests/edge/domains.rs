use reqwest::Method;
use serde_json::json;

use super::cluster::SLOW;
use super::push::{build, image};
use super::sandbox::{Sandbox, stable};

const PATH: &str = "/v2/apps/shop/domains/";

#[tokio::test]
async fn an_app_is_served_under_its_own_name_and_those_it_is_given() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    assert_eq!(sandbox.cluster.domains("shop"), ["shop"]);
    let added = sandbox.post(PATH, &token, json!({ "domain": "\u{dc}ber.Example." })).await;
    assert_eq!(added.status.as_u16(), 201);
    insta::assert_json_snapshot!(stable(added.body));
    assert_eq!(sandbox.cluster.domains("shop"), ["shop", "xn--ber-goa.example"]);
    let listed = sandbox.get(PATH, &token).await.body;
    let names = listed["results"].as_array().unwrap().iter().map(|domain| domain["domain"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["shop", "xn--ber-goa.example"]);
    for (domain, status) in [("%C3%BCber.example", 204), ("xn--ber-goa.example", 404), ("*", 404), ("shop/", 204)] {
        let gone = sandbox.call(Method::DELETE, &format!("{PATH}{domain}"), Some(&token), None).await;
        assert_eq!(gone.status.as_u16(), status, "{domain}: {gone:?}");
    }
    assert!(sandbox.cluster.domains("shop").is_empty());
}

#[tokio::test]
async fn what_cannot_be_a_domain_of_this_app() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    sandbox.post("/v2/apps/", &token, json!({ "id": "blog" })).await;
    sandbox.post("/v2/apps/blog/domains/", &token, json!({ "domain": "example.com" })).await;
    let mut lines = Vec::new();
    for domain in ["example.com", "EXAMPLE.com.", "blog", "shop", "deis", "*", "a_b.com", "10.0.0.1", ""] {
        lines.push(sandbox.post(PATH, &token, json!({ "domain": domain })).await.line());
    }
    lines.push(sandbox.post(PATH, &token, json!({})).await.line());
    // A name that is an app's domain can be no other app's name.
    sandbox.post(PATH, &token, json!({ "domain": "wiki" })).await;
    lines.push(sandbox.post("/v2/apps/", &token, json!({ "id": "wiki" })).await.line());
    insta::assert_yaml_snapshot!(lines);
    assert_eq!(sandbox.get("/v2/apps/wiki/", &token).await.status.as_u16(), 404);
}

#[tokio::test]
async fn a_deploy_under_way_takes_new_domains_up() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let mut slow = sandbox.push.clone().create_build(build("shop", &image("shop", SLOW))).await.unwrap().into_inner();
    assert!(slow.message().await.unwrap().is_some());
    let adding = sandbox.post(PATH, &token, json!({ "domain": "example.com" }));
    let serving = async {
        sandbox.cluster.eventually(|cluster| cluster.domains("shop").len() == 2).await;
        sandbox.cluster.let_slow_pods_go();
    };
    let (added, ()) = futures_util::join!(adding, serving);
    assert_eq!(added.status.as_u16(), 201);
    while slow.message().await.unwrap().is_some() {}
}

/// Whatever was wanted when a process died is done by whoever looks after the apps next.
#[tokio::test]
async fn a_domain_whose_process_died_is_not_forgotten() {
    let sandbox = Sandbox::start().await;
    sandbox.app("shop").await;
    let ledger = &sandbox.workflow.ledger;
    let (app, bob) = ("shop".parse().unwrap(), "bob".parse().unwrap());
    ledger.add_domain(&app, &bob, &"example.com".parse().unwrap()).await.unwrap();
    assert_eq!(ledger.unsettled().await.unwrap(), std::slice::from_ref(&app));
    sandbox.replica().converge(&app).ended().await.unwrap();
    assert_eq!(sandbox.cluster.domains("shop"), ["example.com", "shop"]);
    assert!(ledger.unsettled().await.unwrap().is_empty());
}
