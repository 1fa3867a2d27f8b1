use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deis_api::AppName;
use deis_api::rest::{LOG_MEDIA_TYPE, LogEntry};
use deis_bootstrap::{Context, deadline};
use deis_proto::workflow::push_service_server::PushService as _;
use deis_workflow::logs::{Away, Logs, PodLine, PodLogs, Query};
use deis_workflow::peers::Logger;
use deis_workflow::seams::Plain;
use deis_workflow::server::grpc::Push;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use jiff::Timestamp;
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::cluster::{CRASHING, SLOW};
use super::logger::LATER;
use super::push::{build, deploy, events, image};
use super::sandbox::Sandbox;

/// The pods' own logs, by the pod's name; those of other pods cannot be read.
#[derive(Default)]
pub(crate) struct TestPodLogs(Mutex<BTreeMap<String, Vec<PodLine>>>);

impl TestPodLogs {
    fn print(&self, pod: &str, second: i64, text: &str) {
        let line = PodLine { time: Timestamp::from_second(LATER + second).unwrap(), text: text.to_owned() };
        self.0.lock().entry(pod.to_owned()).or_default().push(line);
    }
}

impl PodLogs for TestPodLogs {
    fn tail<'a>(
        &'a self,
        _app: &'a AppName,
        pod: &'a str,
        lines: u32,
        since: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<Vec<PodLine>, Away>> {
        let found = self.0.lock().get(pod).cloned().ok_or_else(|| Away("the node is silent".to_owned()));
        Box::pin(async move {
            let mut found = found?;
            found.retain(|line| since.is_none_or(|since| line.time >= since));
            Ok(found.split_off(found.len().saturating_sub(lines as usize)))
        })
    }

    fn follow<'a>(
        &'a self,
        _app: &'a AppName,
        pod: &'a str,
        after: Timestamp,
    ) -> BoxFuture<'a, BoxStream<'static, PodLine>> {
        let next = PodLine { time: Timestamp::from_second(LATER + 9999).unwrap(), text: format!("after {after}") };
        let known = self.0.lock().contains_key(pod);
        Box::pin(async move { stream::iter(known.then_some(next)).chain(stream::pending()).boxed() })
    }
}

/// The next line of an answer that is still coming.
async fn line(response: &mut reqwest::Response, rest: &mut String) -> Option<String> {
    loop {
        if let Some((line, after)) = rest.split_once('\n') {
            let line = line.to_owned();
            *rest = after.to_owned();
            return Some(line);
        }
        let chunk = response.chunk().await.unwrap()?;
        rest.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

async fn lines(sandbox: &Sandbox, query: &str, token: &str) -> Vec<String> {
    let answer = sandbox.get(&format!("/v2/apps/shop/logs{query}"), token).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    answer.body.as_str().unwrap().lines().map(str::to_owned).collect()
}

/// Prints of two process types with a gap.
fn print_some(sandbox: &Sandbox) {
    sandbox.logger.print("shop", "shop-v4-web-ppog6", 1, "GET / 200");
    sandbox.logger.drop_lines("shop", 2, 7);
    sandbox.logger.print("shop", "shop-v4-worker-abcde", 3, "done");
    sandbox.logger.print("shop", "shop-v4-web-ilcwj", 4, "GET / 404");
}

#[tokio::test]
async fn lines_are_as_in_the_talk() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    sandbox.logger.events("shop", 4).await;
    print_some(&sandbox);
    let answer = sandbox.get("/v2/apps/shop/logs?log_lines=4", &token).await;
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    let all = [
        "shop-v4-web-ppog6 -- GET / 200",
        "deis[logger] -- 7 lines missing: more lines than are kept",
        "shop-v4-worker-abcde -- done",
        "shop-v4-web-ilcwj -- GET / 404",
    ];
    assert_eq!(answer.body, Value::from(all.map(|line| format!("{line}\n")).concat()));
    assert_eq!(lines(&sandbox, "/?log_lines=2", &token).await, all[2..]);
    assert_eq!(lines(&sandbox, "?process=web", &token).await, [all[0], all[3]]);
    let since = lines(&sandbox, "?since=2100-01-01T00:00:03Z", &token).await;
    assert_eq!(since, all[2..]);
    let objects = sandbox.open("/v2/apps/shop/logs?process=worker", &token, LOG_MEDIA_TYPE).await;
    assert_eq!(objects.headers()["content-type"], LOG_MEDIA_TYPE);
    let object: Value = serde_json::from_str(&objects.text().await.unwrap()).unwrap();
    assert_eq!(
        object,
        json!({ "kind": "line", "time": "2100-01-01T00:00:03Z", "pod": "shop-v4-worker-abcde", "process": "worker",
            "release": "v4", "stream": "stdout", "text": "done" })
    );
}

#[tokio::test]
async fn only_the_apps_users_may_read_and_wrong_questions_are_refused() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let eve = sandbox.user("eve").await;
    let mut answers = vec![
        sandbox.get("/v2/apps/shop/logs", &eve).await.line(),
        sandbox.get("/v2/apps/other/logs", &token).await.line(),
        sandbox.call(Method::GET, "/v2/apps/shop/logs", None, None).await.line(),
    ];
    for query in ["log_lines=0", "log_lines=many", "process=We%20b", "since=yesterday", "follow=perhaps"] {
        answers.push(sandbox.get(&format!("/v2/apps/shop/logs?{query}"), &token).await.line());
    }
    insta::assert_yaml_snapshot!(answers);
}

/// Whoever takes the name of an app that is gone does not read what it printed.
#[tokio::test]
async fn nothing_is_shown_from_before_the_app_was_made() {
    let sandbox = Sandbox::start().await;
    sandbox.logger.print("shop", "shop-v9-web-aaaaa", -LATER, "somebody else's secret");
    let token = sandbox.app("shop").await;
    sandbox.logger.events("shop", 4).await;
    sandbox.logger.print("shop", "shop-v4-web-ppog6", 1, "mine");
    for query in ["", "?since=1970-01-01T00:00:00Z"] {
        let shown = lines(&sandbox, query, &token).await;
        assert_eq!((shown.len(), shown[4].as_str()), (5, "shop-v4-web-ppog6 -- mine"), "{shown:?}");
    }
}

#[tokio::test]
async fn nothing_to_read_is_no_content() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let answer = sandbox.get("/v2/apps/shop/logs?process=worker", &token).await;
    assert_eq!((answer.status.as_u16(), answer.body), (204, Value::from("")));
}

#[tokio::test]
async fn whoever_follows_hears_what_comes_and_is_told_when_it_ends() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    print_some(&sandbox);
    let mut response = sandbox.open("/v2/apps/shop/logs?follow=true&process=worker", &token, "text/plain").await;
    let mut rest = String::new();
    assert_eq!(line(&mut response, &mut rest).await.unwrap(), "shop-v4-worker-abcde -- done");
    for number in 1..=3 {
        sandbox.logger.print("shop", "shop-v4-web-ilcwj", 5, "not asked for");
        sandbox.logger.print("shop", "shop-v4-worker-abcde", 5, &format!("job {number}"));
        let expected = format!("shop-v4-worker-abcde -- job {number}");
        assert_eq!(line(&mut response, &mut rest).await.unwrap(), expected);
    }
    sandbox.logger.go_away();
    let last = line(&mut response, &mut rest).await.unwrap();
    assert_eq!(last, "deis[logger] -- the log store went away (Redis does not answer): what comes next is missing");
    assert_eq!(line(&mut response, &mut rest).await, None);
}

/// Whoever follows is told that he may not any more, whatever took that from him.
#[tokio::test]
async fn whoever_follows_hears_nothing_more_within_5_s_when_he_may_not() {
    for (method, path, told) in [
        (Method::DELETE, "/v2/apps/shop/perms/carol", "You do not have permission to perform this action."),
        (Method::POST, "/v2/auth/tokens/", "Invalid token."),
    ] {
        let sandbox = Sandbox::start().await;
        let owner = sandbox.app("shop").await;
        let carol = sandbox.user("carol").await;
        sandbox.post("/v2/apps/shop/perms/", &owner, json!({ "username": "carol" })).await;
        let mut response = sandbox.open("/v2/apps/shop/logs?follow=true&process=worker", &carol, "text/plain").await;
        let mut rest = String::new();
        sandbox.logger.print("shop", "shop-v4-worker-abcde", 5, "job 1");
        assert_eq!(line(&mut response, &mut rest).await.unwrap(), "shop-v4-worker-abcde -- job 1");

        let token = if method == Method::DELETE { &owner } else { &carol };
        let taken = sandbox.call(method, path, Some(token), None).await;
        assert!(taken.status.is_success(), "{taken:?}");
        let told_so = deadline(Duration::from_secs(5), line(&mut response, &mut rest)).await;
        let last = told_so.expect("he goes on hearing").unwrap();
        assert_eq!(last, format!("deis[logger] -- The session was ended. {told}"));
        sandbox.logger.print("shop", "shop-v4-worker-abcde", 6, "job 2");
        assert_eq!(line(&mut response, &mut rest).await, None);
    }
}

#[tokio::test]
async fn without_the_store_the_pods_speak_for_themselves() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": 3 })).await;
    sandbox.logger.events("shop", 7).await;
    sandbox.logger.go_away();
    for (second, pod) in [(1, "00001"), (2, "00002"), (3, "00001"), (4, "00002")] {
        sandbox.pod_logs.print(&format!("shop-v2-web-{pod}"), second, &format!("request {second}"));
    }
    let shown = lines(&sandbox, "?log_lines=3", &token).await;
    let told = "deis[logger] -- the log store cannot be reached (Redis does not answer): these lines come from the pods \
                themselves; shop-v2-web-00003 cannot be read (the node is silent)";
    assert_eq!(shown[0], told);
    let expected = ["00002 -- request 2", "00001 -- request 3", "00002 -- request 4"];
    assert_eq!(shown[1..], expected.map(|line| format!("shop-v2-web-{line}")));

    let mut response = sandbox.open("/v2/apps/shop/logs?follow=true&log_lines=1", &token, "text/plain").await;
    let mut rest = String::new();
    let mut next = Vec::new();
    for _ in 0..4 {
        next.push(line(&mut response, &mut rest).await.unwrap());
    }
    next[2..].sort();
    assert_eq!(next[1], "shop-v2-web-00002 -- request 4");
    assert_eq!(next[2], "shop-v2-web-00001 -- after 2100-01-01T00:00:03Z", "what was shown does not come again");

    // It is asked again each time, so that it is taken up as soon as it is back.
    sandbox.logger.come_back();
    sandbox.logger.print("shop", "shop-v2-web-00001", 5, "request 5");
    assert_eq!(lines(&sandbox, "?log_lines=1", &token).await, ["shop-v2-web-00001 -- request 5"]);
}

/// Nobody listens at the logger's address.
#[tokio::test]
async fn a_logger_that_is_not_there_is_a_store_that_cannot_be_reached() {
    let sandbox = Sandbox::start().await;
    sandbox.app("shop").await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody = Arc::new(Logger::new(sandbox.logger.client_at(free)));
    let pods = Arc::clone(&sandbox.cluster);
    let logs = Logs::new(nobody, Arc::clone(&sandbox.pod_logs) as _, pods, CancellationToken::new());
    let query = Query { lines: 10, process: None, since: None, follow: false };
    let entries = logs.read(&"shop".parse().unwrap(), &query).await.collect::<Vec<_>>().await;
    let [LogEntry::Notice { text }] = entries.as_slice() else { panic!("{entries:?}") };
    assert!(text.starts_with("the log store cannot be reached ("), "{text}");
    assert!(text.ends_with("): these lines come from the pods themselves"), "{text}");
}

/// An app's whole life, as its log tells it.
#[tokio::test]
async fn events_stand_in_the_log_in_the_order_of_the_contract() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let again = build("shop", &image("shop", "1"));
    events(&sandbox, again.clone()).await;
    events(&sandbox, again).await;
    let config = json!({ "values": { "SECRET_KEY": "swordfish" } });
    assert_eq!(sandbox.post("/v2/apps/shop/config/", &token, config).await.status.as_u16(), 201);
    sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": 3 })).await;
    sandbox.post("/v2/apps/shop/releases/rollback/", &token, json!({ "version": 2 })).await;
    events(&sandbox, build("shop", &image("shop", CRASHING))).await;
    let told = sandbox.logger.events("shop", 13).await;
    assert!(!told.join(" ").contains("swordfish"), "{told:?}");
    let told = told.iter().map(|event| {
        let words = event.split(' ').map(|word| match word.strip_prefix("shop-") {
            Some(id) if id.len() == 7 => "shop-[uuid7]",
            _ => word,
        });
        words.collect::<Vec<_>>().join(" ")
    });
    insta::assert_yaml_snapshot!(told.collect::<Vec<_>>());
}

/// A builder that lost its controller asks another one for what the first is still deploying.
#[tokio::test]
async fn whoever_joins_a_request_tells_nothing_again() {
    let sandbox = Sandbox::start().await;
    sandbox.app("shop").await;
    let push = build("shop", &image("shop", SLOW));
    let mut first = sandbox.push.clone().create_build(push.clone()).await.unwrap().into_inner();
    assert!(first.message().await.unwrap().is_some(), "the release is created");
    let context = Context::new("workflow");
    let elsewhere = Push::new(sandbox.process(&context, &Plain), context.clone());
    let mut second = elsewhere.create_build(tonic::Request::new(push)).await.unwrap().into_inner();
    assert!(second.next().await.unwrap().is_ok(), "it is joined");
    sandbox.cluster.let_slow_pods_go();
    while second.next().await.is_some() {}
    // What that controller had to tell is told before it ends.
    context.shutdown.cancel();
    context.tasks.finished().await;
    let told = sandbox.logger.events("shop", 6).await;
    let kinds = told.iter().map(|event| event.split_once(':').unwrap().0).collect::<Vec<_>>();
    assert_eq!(kinds, ["config", "release", "settings", "domain", "build", "release"]);
}

#[tokio::test]
async fn who_may_use_an_app_and_under_which_names_is_told() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    sandbox.user("eve").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    sandbox.post("/v2/apps/shop/domains/", &token, json!({ "domain": "shop.example.com" })).await;
    sandbox.call(Method::DELETE, "/v2/apps/shop/domains/shop.example.com", Some(&token), None).await;
    sandbox.post("/v2/apps/shop/perms/", &token, json!({ "username": "eve" })).await;
    sandbox.call(Method::DELETE, "/v2/apps/shop/perms/eve", Some(&token), None).await;
    sandbox.post("/v2/apps/shop/pods/restart/", &token, json!({})).await;
    sandbox.post("/v2/apps/shop/", &token, json!({ "owner": "eve" })).await;
    let told = sandbox.logger.events("shop", 12).await;
    assert_eq!(
        told[6..],
        [
            "domain: domain shop.example.com added",
            "domain: domain shop.example.com removed",
            "perms: User eve was granted access to shop",
            "perms: User eve was revoked access to shop",
            "restart: 1 pods are restarted",
            "perms: shop was given to eve",
        ]
    );
}

#[tokio::test]
async fn no_request_waits_for_the_store_and_what_it_missed_comes_later() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    sandbox.logger.events("shop", 4).await;
    sandbox.logger.go_away();
    let config = json!({ "values": { "A": "1" } });
    assert_eq!(sandbox.post("/v2/apps/shop/config/", &token, config).await.status.as_u16(), 201);
    sandbox.logger.come_back();
    let told = sandbox.logger.events("shop", 6).await;
    assert_eq!(told[5], "release: bob added A");
}

#[tokio::test]
async fn a_destroyed_app_is_forgotten() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    sandbox.logger.events("shop", 4).await;
    let gone = sandbox.call(Method::DELETE, "/v2/apps/shop/", Some(&token), None).await;
    assert_eq!(gone.status.as_u16(), 204);
    sandbox.post("/v2/apps/", &token, json!({ "id": "shop" })).await;
    assert_eq!(sandbox.logger.events("shop", 4).await.len(), 4, "those of the new app alone");
}
