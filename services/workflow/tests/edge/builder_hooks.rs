//! What builders of an operator's ask for, which show a key and come in the name of who has pushed to them.

use std::fs;
use std::time::{Duration, SystemTime};

use deis_api::Code;
use deis_workflow::accounts::BuilderKey;
use deis_workflow::images::{Copied, Pulled};
use reqwest::Method;
use serde_json::{Value, json};

use super::cluster::CRASHING;
use super::push::{deploy, image};
use super::sandbox::{Answer, Sandbox, Setup, stable};

/// What they show here.
pub(crate) const KEY: &str = "the-key-of-an-outside-builder-0123456789";

const ROUTES: [(Method, &str); 5] = [
    (Method::GET, "/v2/hooks/key/00:11/"),
    (Method::GET, "/v2/hooks/keys/shop/"),
    (Method::GET, "/v2/hooks/keys/shop/bob/"),
    (Method::POST, "/v2/hooks/config/"),
    (Method::POST, "/v2/hooks/build/"),
];

/// A request without an account.
pub(crate) async fn ask(
    sandbox: &Sandbox,
    method: Method,
    path: &str,
    key: Option<&str>,
    body: impl Into<reqwest::Body>,
) -> Answer {
    let request = reqwest::Client::new().request(method, format!("http://{}{path}", sandbox.rest())).body(body);
    sandbox.send(key.into_iter().fold(request, |request, key| request.header("X-Deis-Builder-Auth", key))).await
}

async fn get(sandbox: &Sandbox, path: &str) -> Answer {
    ask(sandbox, Method::GET, path, Some(KEY), "").await
}

async fn post(sandbox: &Sandbox, path: &str, body: Value) -> Answer {
    ask(sandbox, Method::POST, path, Some(KEY), body.to_string()).await
}

/// The key of somebody, whose token this is; its fingerprint.
async fn ssh_key(sandbox: &Sandbox, token: &str, id: &str, text: &str) -> String {
    let added = sandbox.post("/v2/keys/", token, json!({ "id": id, "public": text })).await;
    added.body["fingerprint"].as_str().unwrap().to_owned()
}

fn built() -> Value {
    json!({
        "receive_user": "carol",
        "receive_repo": "shop",
        "sha": "acaa8a5f",
        "image": "registry.example.com/shop:git-acaa8a5f",
        "procfile": { "web": "./serve" },
        "dockerfile": "true",
    })
}

fn copied(end: &str) -> Result<Copied, (Code, &'static str)> {
    let pulled = Pulled { user: 101, exposed_port: Some(8080), ..Pulled::default() };
    Ok(Copied { image: image("shop", end), pulled })
}

/// Bob's app, which carol may use; both of their tokens.
async fn shared(sandbox: &Sandbox) -> (String, String) {
    let bob = sandbox.app("shop").await;
    let carol = sandbox.user("carol").await;
    let answer = sandbox.post("/v2/apps/shop/perms/", &bob, json!({ "username": "carol" })).await;
    assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
    (bob, carol)
}

#[tokio::test]
async fn there_are_none_where_no_operator_has_given_a_key() {
    let sandbox = Sandbox::start_as(Setup::default()).await;
    sandbox.app("shop").await;
    for (method, path) in ROUTES {
        for method in [method, Method::OPTIONS] {
            let answer = ask(&sandbox, method, path, Some(KEY), "").await;
            assert_eq!(answer.line(), "404 - \"<h1>Not Found</h1>\"", "{path}");
        }
    }
}

#[tokio::test]
async fn another_key_is_none() {
    let sandbox = Sandbox::start().await;
    let bob = sandbox.app("shop").await;
    for (method, path) in ROUTES {
        for key in ["", &KEY[1..], &KEY.to_uppercase(), &format!("{KEY} ,")] {
            let answer = ask(&sandbox, method.clone(), path, Some(key), built().to_string()).await;
            let expected = "401 not-authenticated {\"detail\":\"Authentication credentials were not provided.\"}";
            assert_eq!(answer.line(), expected, "{path} {key}");
        }
        // He may everything, and is no builder.
        let answer = sandbox.call(method, path, Some(&bob), Some(built())).await;
        assert_eq!(answer.status.as_u16(), 403, "{path}");
    }
    assert!(sandbox.builder.pulled().is_empty());
}

#[tokio::test]
async fn a_key_opens_the_apps_that_its_owner_may_push_to() {
    let sandbox = Sandbox::start().await;
    let (bob, carol) = shared(&sandbox).await;
    let eve = sandbox.user("eve").await;
    sandbox.post("/v2/apps/", &eve, json!({ "id": "hers" })).await;
    sandbox.post("/v2/apps/", &carol, json!({ "id": "mine" })).await;
    let line = |end: &str| {
        format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0mYpZ8mQm7vXkH0r3hXo7Vd3bqC3sJ2l5oYq2bQm{end} carol@laptop")
    };
    let hers = ssh_key(&sandbox, &carol, "carol@laptop", &line("3n")).await;
    let his = ssh_key(&sandbox, &bob, "bob@laptop", &line("4n")).await;

    let answer = get(&sandbox, &format!("/v2/hooks/key/{hers}/")).await;
    assert_eq!(answer.body, json!({ "username": "carol", "apps": ["mine", "shop"] }));
    // An administrator may push to all of them.
    let answer = get(&sandbox, &format!("/v2/hooks/key/{his}/")).await;
    assert_eq!(answer.body, json!({ "username": "bob", "apps": ["hers", "mine", "shop"] }));

    let keys = json!({ "carol": [{ "key": line("3n"), "fingerprint": hers }] });
    assert_eq!(get(&sandbox, "/v2/hooks/keys/shop/").await.body, keys);
    assert_eq!(get(&sandbox, "/v2/hooks/keys/shop/carol/").await.body, keys);
    assert_eq!(get(&sandbox, "/v2/hooks/keys/hers/").await.body, json!({}));
    sandbox.call(Method::DELETE, "/v2/apps/shop/perms/carol/", Some(&bob), None).await;
    let lines = [
        get(&sandbox, &format!("/v2/hooks/key/{hers}/")).await.line(),
        get(&sandbox, "/v2/hooks/keys/shop/").await.line(),
        get(&sandbox, "/v2/hooks/keys/shop/carol/").await.line(),
        get(&sandbox, "/v2/hooks/keys/hers/eve/").await.line(),
        get(&sandbox, "/v2/hooks/keys/nothing-here/").await.line(),
        get(&sandbox, "/v2/hooks/keys/nothing-here/carol/").await.line(),
        get(&sandbox, "/v2/hooks/keys/shop/n%00body/").await.line(),
    ];
    insta::assert_yaml_snapshot!(lines);
}

#[tokio::test]
async fn the_config_of_the_latest_good_release_is_told_and_that_is_noted() {
    let sandbox = Sandbox::start().await;
    let (bob, _carol) = shared(&sandbox).await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    sandbox.post("/v2/apps/shop/config/", &bob, json!({ "values": { "BUILDPACK_URL": "https://a/b" } })).await;
    sandbox.cluster.crash_from_now_on();
    let failed = sandbox.post("/v2/apps/shop/config/", &bob, json!({ "values": { "BUILDPACK_URL": "no" } })).await;
    assert_eq!(failed.status.as_u16(), 400, "{failed:?}");

    let asked = json!({ "receive_user": "carol", "receive_repo": "shop" });
    let told = post(&sandbox, "/v2/hooks/config/", asked).await;
    assert_eq!(told.status.as_u16(), 200, "{told:?}");
    assert_eq!(told.body, sandbox.get("/v2/apps/shop/config/", &bob).await.body);
    assert_eq!(told.body["values"], json!({ "BUILDPACK_URL": "https://a/b" }));
    let activity = sandbox.get("/v2/apps/shop/activity/?limit=1", &bob).await.body;
    let entry = &activity["results"][0];
    assert_eq!((&entry["action"], &entry["user"]), (&json!("config.tell"), &json!("carol")), "{entry}");

    let mut lines = Vec::new();
    for (user, app) in [("eve", "shop"), ("no body", "shop"), ("carol", "nothing-here"), ("carol", "No App"), ("", "")]
    {
        let body = json!({ "receive_user": user, "receive_repo": app });
        lines.push(post(&sandbox, "/v2/hooks/config/", body).await.line());
    }
    insta::assert_yaml_snapshot!(lines);
}

#[tokio::test]
async fn a_build_is_released_in_the_name_of_who_pushed() {
    let sandbox = Sandbox::start().await;
    let (bob, _carol) = shared(&sandbox).await;
    sandbox.builder.answer_pull(copied("1"));
    let answer = post(&sandbox, "/v2/hooks/build/", built()).await;
    assert_eq!(answer.line(), "200 - {\"release\":{\"version\":2}}");
    assert_eq!(sandbox.builder.pulled(), ["shop <- registry.example.com/shop:git-acaa8a5f"]);
    assert_eq!(sandbox.cluster.controllers(), ["v2 web 1"]);
    assert_eq!(sandbox.cluster.environment("shop", 2)["SOURCE_VERSION"], "acaa8a5f");
    let release = sandbox.get("/v2/apps/shop/releases/v2/", &bob).await.body;
    assert_eq!((&release["owner"], &release["summary"]), (&json!("carol"), &json!("carol deployed acaa8a5")));
    let builds = sandbox.get("/v2/apps/shop/builds/", &bob).await.body;
    insta::assert_json_snapshot!(stable(builds["results"][0].clone()));
    let activity = sandbox.get("/v2/apps/shop/activity/", &bob).await.body;
    let entry = &activity["results"][0];
    assert_eq!((&entry["action"], &entry["user"]), (&json!("release.create"), &json!("carol")), "{entry}");

    // The whole id of the commit is as good, and what is built on this one goes on from it.
    let sha = "acaa8a5f00000000000000000000000000000000";
    sandbox.builder.answer_pull(copied("2"));
    let mut body = built();
    body["sha"] = json!(sha);
    assert_eq!(post(&sandbox, "/v2/hooks/build/", body).await.body["release"]["version"], 3);
    let config = sandbox.post("/v2/apps/shop/config/", &bob, json!({ "values": { "A": "1" } })).await;
    assert_eq!(config.status.as_u16(), 201, "{config:?}");
    assert_eq!(sandbox.cluster.environment("shop", 4)["SOURCE_VERSION"], sha);
    let back = sandbox.post("/v2/apps/shop/releases/rollback/", &bob, json!({ "version": 2 })).await;
    assert_eq!(back.status.as_u16(), 201, "{back:?}");
    assert_eq!(sandbox.cluster.environment("shop", 5)["SOURCE_VERSION"], "acaa8a5f");
}

/// The key of a request has no account here: of all that an outside builder asks, a release alone is known again.
#[tokio::test]
async fn a_repeated_build_is_the_release_of_the_first() {
    let sandbox = Sandbox::start().await;
    let (bob, _carol) = shared(&sandbox).await;
    let keyed = async |path: &str, request_key: &str, body: Value| {
        let request = reqwest::Client::new().post(format!("http://{}/v2/hooks/{path}", sandbox.rest()));
        let request = request.header("X-Deis-Builder-Auth", KEY).header("Idempotency-Key", request_key);
        sandbox.send(request.json(&body)).await
    };
    for _ in 0..2 {
        sandbox.builder.answer_pull(copied("1"));
        let answer = keyed("build/", "0123456789abcdef", built()).await;
        assert_eq!(answer.line(), "200 - {\"release\":{\"version\":2}}");
        assert!(!answer.headers.contains_key("idempotent-replayed"), "{answer:?}");
    }
    assert_eq!(sandbox.get("/v2/apps/shop/releases/", &bob).await.body["count"], 2);
    let none = keyed("build/", "short", built()).await;
    assert_eq!(
        (none.status.as_u16(), &none.body["request_key"][0]),
        (400, &json!("A request key is 16 to 64 printable characters."))
    );
    // What only tells something does not look for a key: not even whether it is one.
    let told = keyed("config/", "short", json!({ "receive_user": "carol", "receive_repo": "shop" })).await;
    assert_eq!(told.status.as_u16(), 200, "{told:?}");
}

#[tokio::test]
async fn a_changed_key_is_the_key_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("builder-key");
    fs::write(&file, KEY).unwrap();
    let builder_key = BuilderKey::in_file(&file).ok();
    let sandbox = Sandbox::start_as(Setup { builder_key, ..Setup::default() }).await;
    shared(&sandbox).await;
    let changed = KEY.to_uppercase();
    let shown =
        async |key: &str| ask(&sandbox, Method::GET, "/v2/hooks/keys/shop/", Some(key), "").await.status.as_u16();
    assert_eq!((shown(KEY).await, shown(&changed).await), (200, 401));
    // As kubelet does: another file comes in the place of the one before.
    let next = folder.path().join("next");
    fs::write(&next, format!("{changed}\n")).unwrap();
    let later = SystemTime::now() + Duration::from_secs(60);
    fs::File::options().write(true).open(&next).unwrap().set_modified(later).unwrap();
    fs::rename(next, &file).unwrap();
    assert_eq!((shown(KEY).await, shown(&changed).await), (401, 200));
}

#[tokio::test]
async fn what_cannot_be_a_build_is_refused_and_makes_no_release() {
    let sandbox = Sandbox::start().await;
    let (bob, _carol) = shared(&sandbox).await;
    sandbox.user("eve").await;
    let mut lines = Vec::new();
    for (field, value) in [
        ("receive_user", json!("eve")),
        ("receive_user", json!("nobody")),
        ("receive_repo", json!("nothing-here")),
        ("sha", json!("")),
        ("sha", json!("acaa8a5")),
        ("sha", json!("master")),
        ("image", json!(null)),
        ("image", json!("shop")),
        ("image", json!("home/shop:git-acaa8a5f/push/slug.tgz")),
        ("procfile", json!({ "We b": "./serve" })),
        ("procfile", json!({ "web": "" })),
        ("dockerfile", json!("\0")),
    ] {
        let mut body = built();
        body[field] = value;
        lines.push(post(&sandbox, "/v2/hooks/build/", body).await.line());
    }
    assert!(sandbox.builder.pulled().is_empty());
    sandbox.builder.answer_pull(Err((Code::NotFound, "Cannot pull: image registry.example.com/shop not found.")));
    lines.push(post(&sandbox, "/v2/hooks/build/", built()).await.line());
    assert_eq!(sandbox.get("/v2/apps/shop/releases/", &bob).await.body["count"], 1);
    // The pusher sees why his release does not serve.
    sandbox.builder.answer_pull(copied(CRASHING));
    lines.push(post(&sandbox, "/v2/hooks/build/", built()).await.line());
    insta::assert_yaml_snapshot!(lines);
    assert_eq!(sandbox.get("/v2/apps/shop/releases/v2/", &bob).await.body["failed"], true);
}
