//! Requests with a key: the same again is answered the same, whoever has died meanwhile, and nothing is done twice.
#![expect(clippy::panic, reason = "a claim that is another than it must be fails the test")]

use std::net::SocketAddr;
use std::time::Duration;

use deis_bootstrap::Context;
use deis_workflow::acting::Acting;
use deis_workflow::apps::{self, Selection};
use deis_workflow::deploy::{PodList as _, PodView};
use deis_workflow::ledger::idempotency::{Claim, KEPT, SILENCE};
use deis_workflow::ledger::{Attempt, Audit as _, Change, Idempotency as _, Keys as _, RequestKey};
use deis_workflow::seams::Plain;
use deis_workflow::server::rest;
use futures_util::future::join_all;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::cluster::SLOW;
use super::push::{deploy, image};
use super::sandbox::{Answer, Sandbox};

const KEY: &str = "0123456789abcdef";
const PUBLIC: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0mYpZ8mQm7vXkH0r3hXo7Vd3bqC3sJ2l5oYq2bQm3n bob@laptop";

/// An attempt at this request of bob's that began so long ago that whoever made it must have died.
async fn dead_attempt(sandbox: &Sandbox, method: &Method, path: &str, body: &str) -> Attempt {
    let (bob, key) = (sandbox.ledger_user("bob").await, RequestKey::parse(KEY).unwrap());
    let request = sandbox.workflow.fingerprints.request(&bob, key, method, path, body.as_bytes()).unwrap();
    let long_ago = Timestamp::now() - SILENCE - Duration::from_secs(1);
    match sandbox.ledger.claim(&request, long_ago).await.unwrap() {
        Claim::Ours(attempt, None) => attempt,
        claim => panic!("{claim:?}"),
    }
}

/// What bob's process does before it dies.
async fn before_death<T>(attempt: &Attempt, work: impl Future<Output = T>) -> T {
    Acting::user("bob".parse().unwrap()).at(attempt.clone()).scope(work).await
}

async fn repeat(sandbox: &Sandbox, method: Method, path: &str, token: &str, body: &str) -> Answer {
    sandbox.keyed(method, path, Some(&format!("token {token}")), KEY, body.to_owned()).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotent-replayed").is_some_and(|value| value == "true")
}

#[tokio::test]
async fn a_repeat_shows_how_it_is_now() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let path = "/v2/apps/shop/config/";
    let body = json!({ "values": { "A": "1" } });
    let first = sandbox.post_with_key(path, &token, KEY, body.clone()).await;
    assert!(first.status.as_u16() == 201 && !is_replayed(&first), "{first:?}");
    assert_eq!(sandbox.post(path, &token, json!({ "values": { "B": "2" } })).await.status.as_u16(), 201);
    let again = sandbox.post_with_key(path, &token, KEY, body).await;
    assert!(again.status.as_u16() == 201 && is_replayed(&again), "{again:?}");
    assert_eq!(again.body["values"], json!({ "A": "1", "B": "2" }));
    assert_eq!(sandbox.get("/v2/apps/shop/releases/", &token).await.body["count"], 3);
}

#[tokio::test]
async fn a_repeat_is_for_who_may_still_see_it() {
    let sandbox = Sandbox::start().await;
    let owner = sandbox.app("shop").await;
    let carol = sandbox.user("carol").await;
    sandbox.post("/v2/apps/shop/perms/", &owner, json!({ "username": "carol" })).await;
    let requests = [("config", json!({ "values": { "A": "1" } })), ("settings", json!({ "maintenance": true }))];
    let send = async |path: &str, body: &Value| {
        let (path, key) = (format!("/v2/apps/shop/{path}/"), format!("{KEY}-{path}"));
        sandbox.post_with_key(&path, &carol, &key, body.clone()).await
    };
    for (path, body) in &requests {
        assert_eq!(send(path, body).await.status.as_u16(), 201, "{path}");
    }
    let revoked = sandbox.call(Method::DELETE, "/v2/apps/shop/perms/carol", Some(&owner), None).await;
    assert_eq!(revoked.status.as_u16(), 204);
    for (path, body) in &requests {
        let line = r#"403 permission-denied {"detail":"You do not have permission to perform this action."}"#;
        assert_eq!(send(path, body).await.line(), line, "{path}");
    }
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_account() {
    let sandbox = Sandbox::start().await;
    let bob = sandbox.app("shop").await;
    let carol = sandbox.user("carol").await;
    sandbox.post("/v2/apps/shop/perms/", &bob, json!({ "username": "carol" })).await;
    let path = "/v2/apps/shop/config/";
    let set = |token, value| sandbox.post_with_key(path, token, KEY, json!({ "values": { "A": value } }));
    assert_eq!(set(&bob, "1").await.status.as_u16(), 201);
    let line = "422 key-reused {\"detail\":\"This Idempotency-Key was given to another request, POST /v2/apps/shop/config/: a key \
                is for the repeats of one request alone. Take a new one.\"}";
    assert_eq!(set(&bob, "2").await.line(), line);
    let elsewhere = sandbox.post_with_key("/v2/apps/shop/settings/", &bob, KEY, json!({ "maintenance": true })).await;
    assert_eq!(elsewhere.line(), line);
    assert_eq!(repeat(&sandbox, Method::DELETE, "/v2/apps/shop/", &bob, "").await.line(), line);
    // Another login is the same account.
    let login = json!({ "username": "bob", "password": "secret" });
    let other = sandbox.call(Method::POST, "/v2/auth/login/", None, Some(login)).await;
    assert!(is_replayed(&set(other.body["token"].as_str().unwrap(), "1").await));

    // Another account's key is another key, whatever is asked for with it.
    let hers = set(&carol, "2").await;
    assert!(hers.status.as_u16() == 201 && !is_replayed(&hers), "{hers:?}");
    assert_eq!(hers.body["values"], json!({ "A": "2" }));
    assert!(is_replayed(&set(&carol, "2").await) && is_replayed(&set(&bob, "1").await));
    assert_eq!(sandbox.get("/v2/apps/shop/releases/", &bob).await.body["count"], 3);
}

#[tokio::test]
async fn refusals_leave_the_key_free() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.user("bob").await;
    let create = |body| sandbox.post_with_key("/v2/apps/", &token, KEY, body);
    assert_eq!(create(json!({ "id": "Shop" })).await.status.as_u16(), 400);
    assert_eq!(create(json!({ "id": "shop" })).await.status.as_u16(), 201);
    assert!(is_replayed(&create(json!({ "id": "shop" })).await));

    for key in ["short", "0123456789 abcdef", &"x".repeat(65)] {
        let answer = sandbox.post_with_key("/v2/apps/", &token, key, json!({})).await;
        let line = r#"400 invalid-argument {"request_key":["A request key is 16 to 64 printable characters."]}"#;
        assert_eq!(answer.line(), line, "{key}");
    }
    let nobody = sandbox.keyed(Method::POST, "/v2/apps/", None, "short", "").await;
    assert_eq!(nobody.code.as_deref(), Some("not-authenticated"));
    // What was refused has left nothing, and neither has what changes credentials.
    let path = "/v2/auth/tokens/";
    let tokens = [repeat(&sandbox, Method::POST, path, &token, "").await];
    let token = tokens[0].body["token"].as_str().unwrap();
    assert_ne!(repeat(&sandbox, Method::POST, path, token, "").await.body, tokens[0].body);
    assert_eq!(sandbox.database.rows("idempotency_keys").await.len(), 1);
}

/// Eight at once, at two replicas: one does it, and all are answered with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_do_it_once() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    let other = another_replica(&sandbox).await;
    let noted = sandbox.ledger.audit_length().await.unwrap();
    for (number, (path, body, status)) in [
        ("/v2/apps/shop/pods/restart/", json!({}), 200),
        ("/v2/apps/", json!({}), 201),
        ("/v2/apps/shop/domains/", json!({ "domain": "www.example.com" }), 201),
        ("/v2/apps/shop/settings/", json!({ "label": { "team": "ops" } }), 201),
        ("/v2/apps/shop/config/", json!({ "values": { "A": "1" } }), 201),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("{KEY}-{number}");
        let calls = (0..8).map(|call| {
            let at = if call % 2 == 0 { sandbox.rest() } else { other };
            sandbox.post_at(at, path, &token, &key, body.clone())
        });
        let answers = join_all(calls).await;
        for answer in &answers {
            assert_eq!(answer.status.as_u16(), status, "{path}: {answer:?}");
            assert_eq!(answer.body, answers[0].body, "{path}");
        }
        let noted = sandbox.ledger.audit_length().await.unwrap() - noted;
        assert_eq!(noted, i64::try_from(number).unwrap() + 1, "{path}");
    }
    let apps = sandbox.get("/v2/apps/", &token).await.body;
    assert_eq!(apps["count"], 2, "{apps}");
}

/// Another process's REST API on the same ledger.
async fn another_replica(sandbox: &Sandbox) -> SocketAddr {
    let context = Context::new("workflow");
    let routes = rest::router(sandbox.process(&context, &Plain)).into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(context.tasks.spawn("rest", async move { axum::serve(listener, routes).await.unwrap() }));
    address
}

/// The client hears nothing of the first, which goes on without him.
#[tokio::test]
async fn who_went_away_finds_it_done() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    sandbox.cluster.let_slow_pods_go();
    deploy(&sandbox, "shop", &image("shop", SLOW)).await;
    sandbox.cluster.hold_slow_pods();
    let path = "/v2/apps/shop/pods/restart/";
    let noted = sandbox.ledger.audit_length().await.unwrap();
    let first = sandbox.post_with_key(path, &token, KEY, json!({}));
    let shop = app_name("shop");
    let before = sandbox.cluster.pods(&shop).into_iter().map(|pod| pod.uid).collect::<Vec<_>>();
    let is_new = |pod: &PodView| !before.contains(&pod.uid);
    let made = sandbox.cluster.eventually(|cluster| cluster.pods(&shop).iter().any(is_new));
    tokio::select! {
        answer = first => panic!("{answer:?}"),
        () = made => {}
    }
    let (second, ()) = tokio::join!(sandbox.post_with_key(path, &token, KEY, json!({})), async {
        sandbox.cluster.let_slow_pods_go();
    });
    assert!(second.status.as_u16() == 200 && is_replayed(&second), "{second:?}");
    assert_eq!(sandbox.ledger.audit_length().await.unwrap() - noted, 1);
}

#[tokio::test]
async fn who_dies_before_the_change_leaves_it_to_the_next() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.user("bob").await;
    let body = r#"{"id":"shop"}"#;
    dead_attempt(&sandbox, &Method::POST, "/v2/apps/", body).await;
    let answer = repeat(&sandbox, Method::POST, "/v2/apps/", &token, body).await;
    assert!(answer.status.as_u16() == 201 && !is_replayed(&answer), "{answer:?}");
}

/// What cannot be done a second time without harm.
#[tokio::test]
async fn what_was_changed_before_a_death_is_not_changed_again() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    let work = &sandbox.workflow;

    // An app whose name was chosen for it.
    let attempt = dead_attempt(&sandbox, &Method::POST, "/v2/apps/", "{}").await;
    let bob = sandbox.ledger_user("bob").await;
    let (ledger, cluster) = (work.ledger.as_ref(), work.cluster.as_ref());
    let create = apps::create(ledger, cluster, &work.reserved, &bob, None, Default::default());
    let app = before_death(&attempt, create).await.unwrap();
    let answer = repeat(&sandbox, Method::POST, "/v2/apps/", &token, "{}").await;
    assert_eq!((answer.status.as_u16(), &answer.body["id"]), (201, &json!(app.id.as_str())));
    assert_eq!(sandbox.get("/v2/apps/", &token).await.body["count"], 2);
    sandbox.database.execute("DELETE FROM idempotency_keys").await;

    // A restart.
    let path = "/v2/apps/shop/pods/restart/";
    let attempt = dead_attempt(&sandbox, &Method::POST, path, "").await;
    let shop = app_name("shop");
    let restart = async {
        Acting::refer_to(&["apps", "shop", "pods", "restart"]);
        apps::restart(ledger, work.pods.as_ref(), &work.deployer, &shop, Selection::default()).await
    };
    before_death(&attempt, restart).await.unwrap();
    let noted = sandbox.ledger.audit_length().await.unwrap();
    let answer = repeat(&sandbox, Method::POST, path, &token, "").await;
    assert!(answer.status.as_u16() == 200 && is_replayed(&answer), "{answer:?}");
    assert_eq!(sandbox.ledger.audit_length().await.unwrap(), noted);
}

/// A process that stood still for a while, and was taken for dead: what it does then is not done.
#[tokio::test]
async fn who_was_taken_for_dead_changes_nothing_any_more() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let body = r#"{"maintenance":true}"#;
    let path = "/v2/apps/shop/settings/";
    let attempt = dead_attempt(&sandbox, &Method::POST, path, body).await;
    assert_eq!(repeat(&sandbox, Method::POST, path, &token, body).await.status.as_u16(), 201);
    let noted = sandbox.ledger.audit_length().await.unwrap();
    let shop = app_name("shop");
    let change = sandbox.ledger.note(Change::app(&shop, "build.clear-cache", Value::Null, Value::Null));
    let error = before_death(&attempt, change).await.unwrap_err();
    assert_eq!(error.code(), deis_api::Code::Unavailable);
    assert_eq!(sandbox.ledger.audit_length().await.unwrap(), noted);
    // Nor does he take away what the other one has kept.
    sandbox.ledger.give_up(&attempt).await.unwrap();
    sandbox.ledger.finish(&attempt, 500).await.unwrap();
    assert!(is_replayed(&repeat(&sandbox, Method::POST, path, &token, body).await));
}

/// While somebody says that he is at it, nobody else is; silence is what death looks like.
#[tokio::test]
async fn who_lives_is_not_taken_for_dead() {
    let sandbox = Sandbox::start().await;
    sandbox.user("bob").await;
    let (bob, key) = (sandbox.ledger_user("bob").await, RequestKey::unique());
    let request = sandbox.workflow.fingerprints.request(&bob, key, &Method::POST, "/v2/apps/", b"").unwrap();
    let begin = Timestamp::now();
    let Claim::Ours(first, None) = sandbox.ledger.claim(&request, begin).await.unwrap() else { panic!("it is new") };
    let later = begin + SILENCE;
    assert!(matches!(sandbox.ledger.claim(&request, later).await.unwrap(), Claim::UnderWay));
    sandbox.ledger.pulse(&first, later).await.unwrap();
    let later = later + SILENCE;
    assert!(matches!(sandbox.ledger.claim(&request, later).await.unwrap(), Claim::UnderWay));
    let later = later + Duration::from_secs(1);
    let Claim::Ours(second, None) = sandbox.ledger.claim(&request, later).await.unwrap() else {
        panic!("he is silent")
    };
    assert_ne!(second.id, first.id);
    assert!(matches!(sandbox.ledger.claim(&request, later).await.unwrap(), Claim::UnderWay));
}

#[tokio::test]
async fn a_key_is_known_for_a_day() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.app("shop").await;
    let path = "/v2/apps/shop/config/";
    let set = |value: &str| sandbox.post_with_key(path, &token, KEY, json!({ "values": { "A": value } }));
    assert_eq!(set("1").await.status.as_u16(), 201);
    let almost = Timestamp::now() + KEPT - Duration::from_secs(60);
    assert_eq!(sandbox.ledger.prune_keys(almost).await.unwrap(), 0);
    assert_eq!(set("2").await.code.as_deref(), Some("key-reused"));
    let after = Timestamp::now() + KEPT + Duration::from_secs(60);
    assert_eq!(sandbox.ledger.prune_keys(after).await.unwrap(), 1);
    assert_eq!(sandbox.database.rows("requests").await, Vec::<String>::new());
    let anew = set("2").await;
    assert_eq!((anew.status.as_u16(), &anew.body["values"]), (201, &json!({ "A": "2" })));
    // Nobody has to have pruned it.
    let two_days = 2 * i64::try_from(KEPT.as_millis()).unwrap();
    let age = format!("UPDATE idempotency_keys SET created = created - {two_days}, heard = heard - {two_days}");
    assert_eq!(sandbox.database.execute(&age).await, 1);
    sandbox.database.execute("DELETE FROM requests").await;
    let anew = set("3").await;
    assert_eq!((anew.status.as_u16(), &anew.body["values"]), (201, &json!({ "A": "3" })));
}

/// A name that can be given again is another account's then.
#[tokio::test]
async fn keys_end_with_their_account() {
    let sandbox = Sandbox::start().await;
    sandbox.user("admin").await;
    let bob = sandbox.user("bob").await;
    let key = json!({ "id": "bob@desk ?", "public": PUBLIC });
    let first = sandbox.post_with_key("/v2/keys/", &bob, KEY, key.clone()).await;
    assert_eq!(first.status.as_u16(), 201, "{first:?}");
    assert_eq!(sandbox.post_with_key("/v2/keys/", &bob, KEY, key.clone()).await.body, first.body);
    assert_eq!(sandbox.call(Method::DELETE, "/v2/auth/cancel/", Some(&bob), None).await.status.as_u16(), 204);
    assert_eq!(sandbox.database.rows("idempotency_keys").await, Vec::<String>::new());
    let bob = sandbox.user("bob").await;
    let anew = sandbox.post_with_key("/v2/keys/", &bob, KEY, key).await;
    assert!(anew.status.as_u16() == 201 && !is_replayed(&anew), "{anew:?}");
    assert!(sandbox.ledger.key(&"bob".parse().unwrap(), &"bob@desk ?".parse().unwrap()).await.unwrap().is_some());
}

fn app_name(name: &str) -> deis_api::AppName {
    name.parse().unwrap()
}
