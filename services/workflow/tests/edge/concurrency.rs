use std::collections::BTreeSet;

use deis_proto::workflow::deploy_event::Event;
use deis_workflow::deploy::{Ending, News};
use futures_util::future::join_all;
use serde_json::json;

use super::cluster::SLOW;
use super::push::{build, events, image};
use super::sandbox::Sandbox;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_clients_make_fifty_releases() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let calls = (0..50).map(|client| {
        let body = json!({ "values": { format!("KEY_{client}"): "x" } });
        sandbox.post("/v2/apps/shop/config/", &token, body)
    });
    for answer in join_all(calls).await {
        assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
    }
    let releases = sandbox.get("/v2/apps/shop/releases/?limit=100", &token).await;
    let versions =
        releases.body["results"].as_array().unwrap().iter().map(|release| release["version"].as_i64().unwrap());
    let versions = versions.collect::<Vec<_>>();
    assert_eq!(versions, (1..=51).rev().collect::<Vec<_>>(), "none twice, none missing");
    let config = sandbox.get("/v2/apps/shop/config/", &token).await;
    assert_eq!(config.body["values"].as_object().unwrap().len(), 50, "every change is in the last config");
}

/// What fifty clients ask for at once, each of them twice with the same key: whatever is refused because a deploy is under way, the
/// releases that are made have the numbers from 1 on, and each has been made by one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_clients_that_ask_twice_for_all_sorts_make_each_release_once() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    assert_eq!(events(&sandbox, build("shop", &image("shop", "1"))).await, ["v2 created", "v2 deployed"]);
    let client = async |client: u32| {
        let (path, body) = match client % 5 {
            0 | 1 => ("config", json!({ "values": { format!("KEY_{client}"): "x" } })),
            2 => ("scale", json!({ "web": 1 + client % 3 })),
            3 => ("releases/rollback", json!({ "version": 2 })),
            _ => {
                let pushed = build("shop", &image("shop", &format!("1{client}")));
                let (first, second) = tokio::join!(events(&sandbox, pushed.clone()), events(&sandbox, pushed));
                assert_eq!(first.last(), second.last(), "{first:?} {second:?}");
                return first.last().unwrap().split(' ').next().map(str::to_owned);
            }
        };
        let (path, key) = (format!("/v2/apps/shop/{path}/"), format!("the-key-of-client-{client}"));
        let ask = || sandbox.post_with_key(&path, &token, &key, body.clone());
        let (first, second) = tokio::join!(ask(), ask());
        for answer in [&first, &second] {
            let is_told = matches!(answer.code.as_deref(), None | Some("deploy-in-progress" | "unavailable"));
            assert!(is_told, "{path}: {answer:?}");
        }
        let is_release = !path.ends_with("scale/") && (first.status.is_success() || second.status.is_success());
        is_release.then_some(key)
    };
    let made = join_all((0..50).map(client)).await.into_iter().flatten().collect::<Vec<_>>();
    let releases = sandbox.get("/v2/apps/shop/releases/?limit=100", &token).await;
    let releases = releases.body["results"].as_array().unwrap();
    let versions = releases.iter().map(|release| release["version"].as_u64().unwrap()).collect::<Vec<_>>();
    let newest = u64::try_from(versions.len()).unwrap();
    assert_eq!(versions, (1..=newest).rev().collect::<Vec<_>>(), "none twice, none missing");
    assert_eq!(made.len() + 2, versions.len(), "{made:?}");
    // Pushes wait for each other; what else there is finds its turn between two of them, or is told so.
    assert!(made.len() >= 10, "{made:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pushes_at_once_are_deployed_one_after_another() {
    let sandbox = Sandbox::start().await;
    sandbox.app("shop").await;
    let pushes = (1..=8).map(|number: u32| events(&sandbox, build("shop", &image("shop", &number.to_string()))));
    let stories = join_all(pushes).await;
    let deployed = stories.iter().map(|story| story.last().unwrap().clone()).collect::<BTreeSet<_>>();
    let expected = (2..=9).map(|version| format!("v{version} deployed")).collect::<BTreeSet<_>>();
    assert_eq!(deployed, expected);
    assert_eq!(sandbox.cluster.controllers(), ["v9 web 1"]);
}

/// Whoever waits in one process is told what another one does for him.
#[tokio::test]
async fn replicas_take_turns_and_tell_each_other() {
    let sandbox = Sandbox::start().await;
    sandbox.app("shop").await;
    let mut push = sandbox.push.clone().create_build(build("shop", &image("shop", SLOW))).await.unwrap().into_inner();
    let step = loop {
        if let Some(Event::Step(step)) = push.message().await.unwrap().unwrap().event {
            break step.text;
        }
    };
    assert_eq!(step, "web: 0 of 1 pods ready");
    let mut run = sandbox.replica().converge(&"shop".parse().unwrap());
    let News::Step(told) = run.news().await else { panic!("the deploy cannot have ended") };
    assert_eq!(told, step);
    sandbox.cluster.let_slow_pods_go();
    assert!(matches!(run.ended().await, Ok(Ending::Settled)));
    assert_eq!(sandbox.cluster.controllers(), ["v2 web 1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_first_users_one_is_the_administrator() {
    let sandbox = Sandbox::start().await;
    let names = (0..8).map(|number| format!("user{number}")).collect::<Vec<_>>();
    join_all(names.iter().map(|name| sandbox.user(name))).await;
    let mut admins = 0;
    for name in &names {
        admins += u32::from(sandbox.ledger_user(name).await.is_superuser);
    }
    assert_eq!(admins, 1);
}
