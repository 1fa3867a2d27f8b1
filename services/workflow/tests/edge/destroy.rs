use deis_workflow::deploy::Ending;
use deis_workflow::ledger::Deploys as _;
use reqwest::Method;
use serde_json::json;

use super::cluster::SLOW;
use super::push::{build, deploy, events, image};
use super::sandbox::{Answer, Sandbox};

async fn destroy(sandbox: &Sandbox, app: &str, token: &str) -> Answer {
    sandbox.call(Method::DELETE, &format!("/v2/apps/{app}/"), Some(token), None).await
}

#[tokio::test]
async fn nothing_is_left_and_the_name_is_free() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    sandbox.post("/v2/apps/shop/domains/", &token, json!({ "domain": "example.com" })).await;
    assert_eq!(destroy(&sandbox, "shop", &token).await.line(), "204 - \"\"");
    assert!(sandbox.cluster.controllers().is_empty());
    assert_eq!(sandbox.holder.released(), ["shop"]);
    assert_eq!(sandbox.get("/v2/apps/shop/", &token).await.status.as_u16(), 404);
    assert_eq!(destroy(&sandbox, "shop", &token).await.status.as_u16(), 404);
    for app in ["blog", "shop"] {
        assert_eq!(sandbox.post("/v2/apps/", &token, json!({ "id": app })).await.status.as_u16(), 201);
    }
    let domain = sandbox.post("/v2/apps/blog/domains/", &token, json!({ "domain": "example.com" })).await;
    assert_eq!(domain.status.as_u16(), 201, "it is free as well");
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    assert_eq!(sandbox.cluster.controllers(), ["v2 web 1"]);
}

/// Whoever still writes for the app that had the name before is refused.
#[tokio::test]
async fn a_name_that_is_used_again_goes_on_above_the_fences_before() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    let name = "shop".parse().unwrap();
    let before = sandbox.ledger.fence(&name).await.unwrap().unwrap();
    assert_eq!(destroy(&sandbox, "shop", &token).await.status.as_u16(), 204);
    assert_eq!(sandbox.post("/v2/apps/", &token, json!({ "id": "shop" })).await.status.as_u16(), 201);
    let fence = sandbox.ledger.fence(&name).await.unwrap().unwrap();
    assert!(fence > before, "{fence} comes after {before}");
}

#[tokio::test]
async fn only_the_owner_or_an_administrator_may() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.user("admin").await;
    let (bob, eve) = (sandbox.user("bob").await, sandbox.user("eve").await);
    sandbox.post("/v2/apps/", &bob, json!({ "id": "shop" })).await;
    assert_eq!(destroy(&sandbox, "shop", &eve).await.status.as_u16(), 403);
    sandbox.post("/v2/apps/shop/perms/", &bob, json!({ "username": "eve" })).await;
    assert_eq!(destroy(&sandbox, "shop", &eve).await.status.as_u16(), 403, "a collaborator neither");
    assert_eq!(destroy(&sandbox, "shop", &admin).await.status.as_u16(), 204);
}

#[tokio::test]
async fn a_deploy_under_way_gives_way() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let mut slow = sandbox.push.clone().create_build(build("shop", &image("shop", SLOW))).await.unwrap().into_inner();
    assert!(slow.message().await.unwrap().is_some());
    assert_eq!(destroy(&sandbox, "shop", &token).await.status.as_u16(), 204);
    let end = loop {
        match slow.message().await {
            Ok(Some(_step)) => {}
            end => break end,
        }
    };
    assert_eq!(end.unwrap_err().code(), tonic::Code::NotFound);
}

#[tokio::test]
async fn while_it_goes_it_is_shown_and_cannot_be_changed() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    sandbox
        .cluster
        .hold_namespaces("Kubernetes still deletes the namespace shop: it has the finalizers example.com/hold.");
    let watching = async {
        sandbox.cluster.eventually(|cluster| cluster.is_held_up()).await;
        let mut lines = vec![
            sandbox.get("/v2/apps/shop/", &token).await.status.to_string(),
            sandbox.post("/v2/apps/shop/config/", &token, json!({ "values": { "A": "1" } })).await.line(),
            sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": 1 })).await.line(),
            sandbox.post("/v2/apps/", &token, json!({ "id": "shop" })).await.line(),
        ];
        lines.extend(events(&sandbox, build("shop", &image("shop", "1"))).await);
        sandbox.cluster.let_namespaces_go();
        lines
    };
    // A second request joins the first; on a busy machine it may come when the first is through.
    let (first, second, lines) =
        futures_util::join!(destroy(&sandbox, "shop", &token), destroy(&sandbox, "shop", &token), watching);
    assert_eq!(first.status.as_u16(), 204);
    assert!([204, 404].contains(&second.status.as_u16()), "{}", second.status);
    insta::assert_yaml_snapshot!(lines);
}

/// The ledger knows, and the process died: another one finishes it.
#[tokio::test]
async fn a_destruction_is_finished_by_whoever_comes_next() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    let shop = "shop".parse().unwrap();
    assert!(sandbox.workflow.ledger.condemn(&shop).await.unwrap());
    assert_eq!(sandbox.workflow.ledger.unsettled().await.unwrap(), std::slice::from_ref(&shop));
    sandbox.holder.refuse(1);
    assert!(matches!(sandbox.replica().converge(&shop).ended().await, Ok(Ending::Destroyed)));
    assert_eq!(sandbox.holder.released(), ["shop"]);
    assert_eq!(sandbox.get("/v2/apps/shop/", &token).await.status.as_u16(), 404);
}
