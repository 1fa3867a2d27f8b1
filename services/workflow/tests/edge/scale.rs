use deis_workflow::apps::{self, Scaled};
use reqwest::Method;
use serde_json::json;

use super::push::{build, deploy, events, image};
use super::sandbox::Sandbox;

#[tokio::test]
async fn as_many_pods_as_asked_for() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    for (asked, there) in [(json!({ "web": 5 }), 5), (json!({ "web": "2" }), 2), (json!({ "web": 0 }), 0)] {
        assert_eq!(sandbox.post("/v2/apps/shop/scale/", &token, asked).await.status.as_u16(), 204);
        let pods = sandbox.get("/v2/apps/shop/pods/web/", &token).await;
        assert_eq!(pods.body["count"], there);
    }
    assert_eq!(sandbox.cluster.controllers(), ["v2 web 0"]);
    assert_eq!(sandbox.get("/v2/apps/shop/", &token).await.body["structure"], json!({ "web": 0 }));
}

/// A node that is drained takes no more pods of a type than it can spare, and no budget is left of a type without pods.
#[tokio::test]
async fn a_type_with_pods_has_a_budget() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let mut budgets = vec![sandbox.cluster.budgets("shop")];
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    budgets.push(sandbox.cluster.budgets("shop"));
    for count in [0, 2] {
        let scaled = sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": count })).await;
        assert_eq!(scaled.status.as_u16(), 204);
        budgets.push(sandbox.cluster.budgets("shop"));
    }
    assert_eq!(sandbox.call(Method::DELETE, "/v2/apps/shop/", Some(&token), None).await.status.as_u16(), 204);
    budgets.push(sandbox.cluster.budgets("shop"));
    assert_eq!(budgets, [&[][..], &["web"], &[], &["web"], &[]]);
}

#[tokio::test]
async fn what_cannot_be_scaled() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let path = "/v2/apps/shop/scale/";
    let mut lines = vec![sandbox.post(path, &token, json!({ "web": 1 })).await.line()];
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    for body in [
        json!({ "worker": 1 }),
        json!({ "web": -1 }),
        json!({ "web": "many" }),
        json!({ "Web": 1 }),
        json!({ "web": 1_000_000 }),
    ] {
        lines.push(sandbox.post(path, &token, body).await.line());
    }
    insta::assert_yaml_snapshot!(lines);
    assert_eq!(sandbox.cluster.controllers(), ["v2 web 1"]);
}

#[tokio::test]
async fn the_old_numbers_hold_when_the_new_ones_cannot_be_had() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    sandbox.cluster.crash_from_now_on();
    let refused = sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": 3 })).await;
    assert_eq!((refused.status.as_u16(), refused.code.as_deref()), (503, Some("unavailable")));
    assert!(refused.body["detail"].as_str().unwrap().starts_with("(scale): The process web ended"));
    assert_eq!(sandbox.get("/v2/apps/shop/", &token).await.body["structure"], json!({ "web": 1 }));
}

/// A scale of shop by bob that nobody waits for yet.
pub(crate) async fn record(sandbox: &Sandbox, asked: &[(&str, u32)]) -> Scaled {
    let (ledger, pods) = (sandbox.workflow.ledger.as_ref(), sandbox.workflow.pods.as_ref());
    let (app, bob) = ("shop".parse().unwrap(), "bob".parse().unwrap());
    let asked = asked.iter().map(|(kind, count)| (kind.parse().unwrap(), *count)).collect();
    apps::scale(ledger, pods, &sandbox.workflow.deployer, &bob, &app, asked).await.unwrap()
}

/// Two ask for the same; what the first is told and takes back must not be a success for the second.
#[tokio::test]
async fn a_repeat_of_a_scale_that_failed_is_no_success() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    let (ledger, deployer) = (sandbox.workflow.ledger.as_ref(), &sandbox.workflow.deployer);
    let app = "shop".parse().unwrap();
    let (first, repeat) = (record(&sandbox, &[("web", 3)]).await, record(&sandbox, &[("web", 3)]).await);
    sandbox.cluster.crash_from_now_on();
    let told = apps::scaled(ledger, deployer, &app, &first).await.unwrap_err();
    assert!(told.to_string().ends_with("The old numbers hold again."), "{told}");
    let told = apps::scaled(ledger, deployer, &app, &repeat).await.unwrap_err();
    let expected = "(scale): web=3 was asked for, but web=1 holds: the pods did not come up, or somebody has scaled since. \
                    'deis logs -a shop' says which.";
    assert_eq!((told.to_string().as_str(), told.code().as_str()), (expected, "unavailable"));
    let events = sandbox.logger.events("shop", 8).await;
    assert!(events.iter().any(|event| event.starts_with("scale: (scale): The process web ended")), "{events:?}");
    assert_eq!(sandbox.get("/v2/apps/shop/", &token).await.body["structure"], json!({ "web": 1 }));
}

/// Whoever scales later has the last word, also over what an earlier one takes back.
#[tokio::test]
async fn a_scale_that_fails_takes_back_only_what_nobody_has_changed_since() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let mut request = build("shop", &image("shop", "1"));
    request.processes.insert("worker".to_owned(), "./work".to_owned());
    request.processes.insert("mailer".to_owned(), "./mail".to_owned());
    assert_eq!(events(&sandbox, request).await, ["v2 created", "v2 deployed"]);
    let (ledger, deployer) = (sandbox.workflow.ledger.as_ref(), &sandbox.workflow.deployer);
    let app = "shop".parse().unwrap();
    let first = record(&sandbox, &[("web", 3), ("worker", 2), ("mailer", 1)]).await;
    let second = record(&sandbox, &[("worker", 4)]).await;
    let third = record(&sandbox, &[("worker", 5)]).await;
    sandbox.cluster.crash_from_now_on();
    let mut told = Vec::new();
    for change in [&first, &second, &third] {
        let refusal = apps::scaled(ledger, deployer, &app, change).await.unwrap_err();
        let structure = &sandbox.get("/v2/apps/shop/", &token).await.body["structure"];
        let (_, end) =
            refusal.to_string().split_once("exit code 1. ").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        told.push(format!("{end} {structure}"));
    }
    insta::assert_yaml_snapshot!("which_numbers_hold", told);
}
