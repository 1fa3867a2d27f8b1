//! One table of what users and their programs get wrong. Each row is refused with a status, a code and a sentence, and changes nothing.

use reqwest::Method;
use serde_json::{Value, json};

use super::push::{deploy, image};
use super::sandbox::Sandbox;

/// A request, with what is wrong with it.
struct Row {
    what: &'static str,
    method: Method,
    path: &'static str,
    body: Body,
    token: Token,
}

enum Body {
    None,
    Json(Value),
    /// As it is, JSON or not.
    Raw(Vec<u8>),
}

enum Token {
    /// Of the app's owner.
    Owner,
    Text(&'static str),
    None,
}

fn post(what: &'static str, path: &'static str, body: Value) -> Row {
    Row { what, method: Method::POST, path, body: Body::Json(body), token: Token::Owner }
}

fn raw(what: &'static str, path: &'static str, body: impl Into<Vec<u8>>) -> Row {
    Row { what, method: Method::POST, path, body: Body::Raw(body.into()), token: Token::Owner }
}

fn without_body(what: &'static str, method: Method, path: &'static str) -> Row {
    Row { what, method, path, body: Body::None, token: Token::Owner }
}

fn with_token(what: &'static str, token: Token) -> Row {
    Row { what, method: Method::GET, path: "/v2/apps/", body: Body::None, token }
}

const CONFIG: &str = "/v2/apps/shop/config/";
const SCALE: &str = "/v2/apps/shop/scale/";
const DOMAINS: &str = "/v2/apps/shop/domains/";
const ROLLBACK: &str = "/v2/apps/shop/releases/rollback/";
const BUILDS: &str = "/v2/apps/shop/builds/";
const KEYS: &str = "/v2/keys/";

fn names() -> Vec<Row> {
    vec![
        post("an app's name with capitals", "/v2/apps/", json!({ "id": "Shop" })),
        post("an app's name with a line break", "/v2/apps/", json!({ "id": "shop\nrm" })),
        post("an app's name that is a path", "/v2/apps/", json!({ "id": "../etc" })),
        post("an app's name beyond ASCII", "/v2/apps/", json!({ "id": "sh\u{f6}p" })),
        post("an empty app's name", "/v2/apps/", json!({ "id": "" })),
        post("an app's name that is taken", "/v2/apps/", json!({ "id": "shop" })),
        post("an app's name that is a number", "/v2/apps/", json!({ "id": 7 })),
        post("a user's name with a blank", "/v2/auth/register/", json!({ "username": "a b", "password": "secret" })),
        post("a user without a password", "/v2/auth/register/", json!({ "username": "ann" })),
        without_body("an app that does not exist", Method::GET, "/v2/apps/shoppe/"),
        without_body("an app whose name cannot be", Method::GET, "/v2/apps/Sh%20op/"),
        without_body("an app that does not exist, explained", Method::GET, "/v2/apps/shoppe/explain/"),
        without_body("an app whose name cannot be, explained", Method::GET, "/v2/apps/Sh%20op/explain/"),
        without_body("an explanation that is changed", Method::POST, "/v2/apps/shop/explain/"),
        without_body("a path that climbs", Method::GET, "/v2/apps/..%2f..%2fetc/"),
        without_body("a release that does not exist", Method::GET, "/v2/apps/shop/releases/v99/"),
        without_body("a release that is no number", Method::GET, "/v2/apps/shop/releases/latest/"),
        without_body(
            "a build that does not exist",
            Method::GET,
            "/v2/apps/shop/builds/00000000-0000-4000-8000-000000000000/",
        ),
        without_body("a build that is no UUID", Method::GET, "/v2/apps/shop/builds/1/"),
        without_body("a method that is not there", Method::PUT, "/v2/apps/shop/"),
    ]
}

fn configs() -> Vec<Row> {
    vec![
        post("a key that begins with a digit", CONFIG, json!({ "values": { "1A": "x" } })),
        post("a key with a hyphen", CONFIG, json!({ "values": { "A-B": "x" } })),
        post("an empty key", CONFIG, json!({ "values": { "": "x" } })),
        post("a key that is not set, unset", CONFIG, json!({ "values": { "GONE": null } })),
        post("a value that is a list", CONFIG, json!({ "values": { "A": ["x"] } })),
        post("a value with a NUL", CONFIG, json!({ "values": { "A": "x\u{0}y" } })),
        post("values that are a text", CONFIG, json!({ "values": "A=x" })),
        post("a port of 0", CONFIG, json!({ "values": { "PORT": "0" } })),
        post("a port that is a word", CONFIG, json!({ "values": { "PORT": "http" } })),
        post("a port that is too high", CONFIG, json!({ "values": { "PORT": 65536 } })),
        post("a limit without a unit", CONFIG, json!({ "memory": { "web": "64" } })),
        post("a limit that is negative", CONFIG, json!({ "memory": { "web": "-1M" } })),
        post("a request above its limit", CONFIG, json!({ "memory": { "web": "2G/1G" } })),
        post("a limit of a type that cannot be", CONFIG, json!({ "cpu": { "We b": "100m" } })),
        post("a CPU limit that is a word", CONFIG, json!({ "cpu": { "web": "fast" } })),
        post("a tag that no node has", CONFIG, json!({ "tags": { "disk": "floppy" } })),
        post("a tag that cannot be", CONFIG, json!({ "tags": { "-": "x" } })),
        post("a probe without a question", CONFIG, json!({ "healthcheck": { "web": { "livenessProbe": {} } } })),
        post("a probe that is not there", CONFIG, json!({ "healthcheck": { "web": { "deathProbe": {} } } })),
        post("nothing at all", CONFIG, json!({})),
    ]
}

fn processes() -> Vec<Row> {
    vec![
        post("scaled to -1", SCALE, json!({ "web": -1 })),
        post("scaled to more than there can be", SCALE, json!({ "web": 100_000 })),
        post("scaled to a half", SCALE, json!({ "web": 1.5 })),
        post("scaled to nothing", SCALE, json!({ "web": null })),
        post("a type that is not there, scaled", SCALE, json!({ "worker": 1 })),
        post("a type that cannot be, scaled", SCALE, json!({ "We b": 1 })),
        post("scaled without a type", SCALE, json!({})),
        post("back to v0", ROLLBACK, json!({ "version": 0 })),
        post("back to v99", ROLLBACK, json!({ "version": 99 })),
        post("back to v-1", ROLLBACK, json!({ "version": -1 })),
        post("back to a word", ROLLBACK, json!({ "version": "old" })),
        post("back to the release without a build", ROLLBACK, json!({ "version": 1 })),
        post("an image without a name", BUILDS, json!({ "image": "" })),
        post("an image that is a list", BUILDS, json!({ "image": ["nginx"] })),
        post("a process without a command", BUILDS, json!({ "image": "nginx", "procfile": { "web": "" } })),
        without_body("a build that does not run, cancelled", Method::DELETE, "/v2/apps/shop/builds/running/"),
    ]
}

fn belongings() -> Vec<Row> {
    vec![
        post("a domain with a blank", DOMAINS, json!({ "domain": "a b.com" })),
        post("a domain that is all wildcard", DOMAINS, json!({ "domain": "*" })),
        post("a domain with a wildcard inside", DOMAINS, json!({ "domain": "a.*.com" })),
        post("a domain with a path", DOMAINS, json!({ "domain": "example.com/admin" })),
        post("a domain with an empty label", DOMAINS, json!({ "domain": "a..com" })),
        post("a domain of the platform", DOMAINS, json!({ "domain": "deis" })),
        post("a domain that is missing", DOMAINS, json!({})),
        without_body("a domain that the app has not, removed", Method::DELETE, "/v2/apps/shop/domains/example.org/"),
        post("a key that is none", KEYS, json!({ "id": "laptop", "public": "ssh-ed25519 AAAA" })),
        post("a private key", KEYS, json!({ "id": "laptop", "public": "-----BEGIN OPENSSH PRIVATE KEY-----" })),
        post("a key with options", KEYS, json!({ "id": "laptop", "public": "command=\"sh\" ssh-ed25519 AAAA" })),
        post("a key without a name", KEYS, json!({ "public": "ssh-ed25519 AAAA" })),
        without_body("a key that is not there, removed", Method::DELETE, "/v2/keys/none/"),
        post("shared with nobody", "/v2/apps/shop/perms/", json!({ "username": "nobody" })),
        without_body("unshared with somebody who had it not", Method::DELETE, "/v2/apps/shop/perms/nobody/"),
        post("given to nobody", "/v2/apps/shop/", json!({ "owner": "nobody" })),
        post("given to an empty name", "/v2/apps/shop/", json!({ "owner": "" })),
    ]
}

fn bodies_and_tokens() -> Vec<Row> {
    let deep = "[".repeat(10_000);
    vec![
        raw("half a body", CONFIG, "{\"values\":"),
        raw("a body that is a list", CONFIG, "[]"),
        raw("a body that is a text", SCALE, "\"web=5\""),
        raw("a body that is YAML", SCALE, "web: 5"),
        raw("a body that is no UTF-8", CONFIG, b"{\"values\":{\"A\":\"\xff\"}}".as_slice()),
        raw("a body that is nested for ever", CONFIG, deep.as_str()),
        raw("a body that is too large", CONFIG, vec![b' '; 2 * 1024 * 1024]),
        with_token("no token", Token::None),
        with_token("a wrong token", Token::Text("token 0123456789abcdef0123456789abcdef01234567")),
        with_token("a token that is none", Token::Text("token x")),
        with_token("another scheme", Token::Text("Basic Ym9iOnNlY3JldA==")),
        with_token("an empty header", Token::Text("")),
    ]
}

/// All that an app's owner can see of it and of himself.
async fn seen(sandbox: &Sandbox, token: &str) -> Vec<Value> {
    let mut seen = Vec::new();
    for path in [
        "/v2/apps/",
        "/v2/apps/shop/",
        CONFIG,
        "/v2/apps/shop/releases/",
        BUILDS,
        DOMAINS,
        "/v2/apps/shop/perms/",
        "/v2/apps/shop/pods/",
        "/v2/apps/shop/explain/",
        KEYS,
        "/v2/users/",
    ] {
        seen.push(sandbox.get(path, token).await.body);
    }
    seen
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let sandbox = Sandbox::start().await;
    let owner = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    let before = seen(&sandbox, &owner).await;

    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    for row in [names(), configs(), processes(), belongings(), bodies_and_tokens()].into_iter().flatten() {
        let token = match row.token {
            Token::Owner => Some(format!("token {owner}")),
            Token::Text(text) => Some(text.to_owned()),
            Token::None => None,
        };
        let body = match row.body {
            Body::None => Vec::new(),
            Body::Json(body) => body.to_string().into_bytes(),
            Body::Raw(body) => body,
        };
        let answer = sandbox.bytes(row.method, row.path, token.as_deref(), body).await;
        let line = format!("{}: {}", row.what, answer.line());
        if !(400..500).contains(&answer.status.as_u16()) || answer.code.is_none() {
            problems.push(format!("not refused: {line}"));
        }
        if seen(&sandbox, &owner).await != before {
            problems.push(format!("something has changed: {line}"));
        }
        lines.push(line);
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(sandbox.builder.pulled().is_empty());
    assert_eq!(sandbox.cluster.controllers(), ["v2 web 1"]);
    println!("{} rows", lines.len());
    assert!(lines.len() >= 80, "{} rows", lines.len());
    insta::assert_snapshot!(lines.join("\n"));
}
