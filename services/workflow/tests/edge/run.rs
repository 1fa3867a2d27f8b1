use std::time::Duration;

use deis_bootstrap::Context;
use deis_workflow::ledger::RequestKey;
use deis_workflow::runs::{Attendance, Request};
use deis_workflow::seams::Plain;
use jiff::Timestamp;
use serde_json::json;

use super::cluster::SLOW;
use super::push::{build, deploy, image};
use super::sandbox::Sandbox;

const PATH: &str = "/v2/apps/shop/run/";

/// An app that serves, and its owner's token.
async fn shop() -> (Sandbox, String) {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    (sandbox, token)
}

/// Answers with what tells one pod from another left away.
fn neutral(line: &str) -> String {
    match line.split_once("shop-run-") {
        Some((begin, rest)) => format!("{begin}shop-run-…{}", neutral(rest.get(5..).unwrap())),
        None => line.to_owned(),
    }
}

#[tokio::test]
async fn a_command_answers_with_its_exit_code_and_what_it_printed() {
    let (sandbox, token) = shop().await;
    for (command, answer) in [
        ("ls -l", json!({ "exit_code": 0, "output": "$ ls -l\n" })),
        ("exit 3", json!({ "exit_code": 3, "output": "$ exit 3\n" })),
    ] {
        let ran = sandbox.post(PATH, &token, json!({ "command": command })).await;
        assert_eq!((ran.status.as_u16(), ran.body), (200, answer));
    }
    let cut = sandbox.post(PATH, &token, json!({ "command": "print much" })).await;
    let said = "[only the first 1 MiB is shown: 'deis logs -a shop --process run' has the last lines]";
    assert_eq!(cut.body["output"], format!("$ print much\n{said}\n"));
    assert_eq!(sandbox.cluster.runs(), Vec::<String>::new(), "their pods are gone");
    let logged = sandbox.logger.events("shop", 8).await;
    let logged = logged.iter().filter(|event| event.starts_with("run:")).map(|event| neutral(event));
    assert_eq!(
        logged.collect::<Vec<_>>()[..2],
        ["run: bob on shop-run-… runs 'ls -l'", "run: bob on shop-run-… runs 'exit 3'"]
    );
}

#[tokio::test]
async fn why_a_command_does_not_run_is_told() {
    let (sandbox, token) = shop().await;
    let config = json!({ "values": { "DEIS_DEPLOY_TIMEOUT": "1" } });
    assert_eq!(sandbox.post("/v2/apps/shop/config/", &token, config).await.status.as_u16(), 201);
    let mut told = Vec::new();
    for body in [
        json!({ "command": "  " }),
        json!({ "command": "ls", "timeout": 0 }),
        json!({ "command": "ls", "timeout": 86_401 }),
        json!({ "command": "need an image" }),
        json!({ "command": "wait for room" }),
        json!({ "command": "take long" }),
        json!({ "command": "take long", "timeout": 90 }),
    ] {
        told.push(neutral(&sandbox.post(PATH, &token, body).await.line()));
    }
    sandbox.cluster.refuse_runs(
        "Kubernetes refuses Pod x: pods \"x\" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=4, limited: pods=4",
    );
    told.push(neutral(&sandbox.post(PATH, &token, json!({ "command": "ls" })).await.line()));
    sandbox.cluster.break_down();
    told.push(neutral(&sandbox.post(PATH, &token, json!({ "command": "ls" })).await.line()));
    insta::assert_yaml_snapshot!(told);
    assert_eq!(sandbox.cluster.runs(), Vec::<String>::new(), "nothing is left");
}

#[tokio::test]
async fn what_takes_longer_than_it_may_is_told() {
    let (sandbox, token) = shop().await;
    let late = sandbox.post(PATH, &token, json!({ "command": "take long" })).await;
    let line = r#"503 deadline-exceeded {"detail":"shop-run-… (run): Timed out (20 mins) while running"}"#;
    assert_eq!(neutral(&late.line()), line);
}

/// A release that is being deployed may fail.
#[tokio::test]
async fn a_command_runs_on_the_latest_release_that_is_deployed() {
    let (sandbox, token) = shop().await;
    let mut slow = sandbox.push.clone().create_build(build("shop", &image("shop", SLOW))).await.unwrap().into_inner();
    assert!(slow.message().await.unwrap().is_some(), "v3 is being deployed");
    let started = sandbox.call_async(reqwest::Method::POST, PATH, &token, json!({ "command": "sleep" })).await;
    assert_eq!(started.status.as_u16(), 202);
    assert_eq!(sandbox.cluster.runs(), ["v2 sleep 86400 s"]);
    sandbox.cluster.let_slow_pods_go();
    while slow.message().await.unwrap().is_some() {}
    let started = sandbox.call_async(reqwest::Method::POST, PATH, &token, json!({ "command": "exit 1" })).await;
    assert_eq!(started.status.as_u16(), 202);
    assert!(sandbox.cluster.runs().contains(&"v3 exit 1 86400 s".to_owned()), "{:?}", sandbox.cluster.runs());
}

#[tokio::test]
async fn nobody_waits_for_a_command_that_is_detached() {
    let (sandbox, token) = shop().await;
    let body = json!({ "command": "sleep", "timeout": 3600 });
    let started = sandbox.call_async(reqwest::Method::POST, PATH, &token, body).await;
    assert_eq!(
        (started.status.as_u16(), &started.headers["preference-applied"]),
        (202, &"respond-async".parse().unwrap())
    );
    let pod = started.body["pod"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.cluster.runs(), ["v2 sleep 3600 s"]);
    sandbox.cluster.end_runs(7);
    let told = sandbox.logger.events("shop", 8).await;
    assert_eq!(told.last().unwrap(), &format!("run: {pod} ended with exit code 7"), "{told:?}");
    // Its last lines can be read for a while.
    assert_eq!(sandbox.cluster.runs().len(), 1);
    sandbox.workflow.runs.prune(Timestamp::now()).await;
    assert_eq!(sandbox.cluster.runs().len(), 1);
    sandbox.workflow.runs.prune(Timestamp::MAX).await;
    assert_eq!(sandbox.cluster.runs(), Vec::<String>::new());
}

#[tokio::test]
async fn a_repeated_request_runs_nothing_twice() {
    let (sandbox, token) = shop().await;
    let key = "0123456789abcdef0123";
    let body = json!({ "command": "sleep" });
    let waits = sandbox.post_with_key(PATH, &token, key, body.clone());
    let repeat = async {
        sandbox.cluster.eventually(|cluster| !cluster.runs().is_empty()).await;
        let repeat = sandbox.post_with_key(PATH, &token, key, body.clone()).await;
        sandbox.cluster.end_runs(0);
        repeat
    };
    let (first, repeat) = tokio::join!(waits, repeat);
    assert_eq!(first.status.as_u16(), 200);
    let line = r#"409 already-exists {"detail":"This command was started before, as shop-run-…. 'deis logs -a shop --process run' shows what it prints."}"#;
    assert_eq!(neutral(&repeat.line()), line);
}

#[tokio::test]
async fn who_waits_is_told_that_the_pod_was_taken_away() {
    let (sandbox, token) = shop().await;
    let waits = sandbox.post(PATH, &token, json!({ "command": "sleep" }));
    let delete = async {
        sandbox.cluster.eventually(|cluster| !cluster.runs().is_empty()).await;
        sandbox.cluster.delete_runs();
    };
    let (told, ()) = tokio::join!(waits, delete);
    let line = r#"503 process-exited {"detail":"shop-run-… (run): Its pod was deleted before the command ended: by hand, or with the app."}"#;
    assert_eq!(neutral(&told.line()), line);
}

/// As in an upgrade: the command goes on, and the next controller takes away what is left of it.
#[tokio::test]
async fn who_waits_is_told_that_the_controller_ends() {
    let (sandbox, _token) = shop().await;
    let context = Context::new("workflow");
    let workflow = sandbox.process(&context, &Plain);
    let app = workflow.ledger.app(&"shop".parse().unwrap()).await.unwrap().unwrap();
    let limit = Duration::from_secs(1200);
    let request =
        Request { command: "sleep".to_owned(), limit, key: RequestKey::unique(), attendance: Attendance::Nobody };
    let (ledger, told) = (workflow.ledger.as_ref(), workflow.deployer.events());
    let started = workflow.runs.start(ledger, told, &"bob".parse().unwrap(), &app, request).await.unwrap();
    context.shutdown.cancel();
    let error = workflow.runs.ended(&started.one_off).await.unwrap_err();
    let text = "shop-run-… (run): The controller is ending and waits no longer; the command goes on. 'deis logs -a shop --process run' shows what it prints.";
    assert_eq!((error.code().as_str(), neutral(&error.to_string()).as_str()), ("unavailable", text));
    assert_eq!(sandbox.cluster.runs(), ["v2 sleep 1200 s"]);
}

#[tokio::test]
async fn an_app_that_goes_takes_no_command() {
    let (sandbox, token) = shop().await;
    sandbox.cluster.hold_namespaces("finalizers");
    assert!(sandbox.workflow.ledger.condemn(&"shop".parse().unwrap()).await.unwrap());
    let refused = sandbox.post(PATH, &token, json!({ "command": "ls" })).await;
    assert_eq!((refused.status.as_u16(), refused.code.as_deref()), (409, Some("being-destroyed")));
}
