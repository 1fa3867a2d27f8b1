//! What each limit has refused is counted under its name.

use std::time::Duration;

use deis_workflow::acting::Acting;
use deis_workflow::limit::Limit;
use deis_workflow::server::connections::Limits;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};

use super::limits::{Wire, ask, line, log_in};
use super::sandbox::{Sandbox, Setup};

const ADDRESS: &str = "192.0.2.7";

/// How often each limit has refused, of those that have.
fn refusals(sandbox: &Sandbox) -> Vec<String> {
    let text = sandbox.metrics();
    let counts = text.lines().filter_map(|line| line.strip_prefix("deis_workflow_limit_refusals_total"));
    let counts = counts.collect::<Vec<_>>();
    assert_eq!(counts.len(), Limit::ALL.len(), "all are there from the beginning: {text}");
    let mut counted = counts.into_iter().filter(|count| !count.ends_with(" 0")).map(str::to_owned).collect::<Vec<_>>();
    counted.sort();
    counted
}

#[tokio::test]
async fn what_a_request_is_refused_for_is_counted() {
    let limit = Duration::from_secs(1);
    let limits = Limits { head: limit, body: limit, ..Limits::default() };
    let sandbox = Sandbox::start_as(Setup { limits, ..Setup::default() }).await;
    let get = async |path: &str, headers: &str| {
        ask(&sandbox, ADDRESS, &format!("GET {path}"), headers, "").await;
    };
    get("/healthz", "").await;
    ask(&sandbox, ADDRESS, "POST /v2/auth/login/", "", "{").await;
    assert_eq!(refusals(&sandbox), Vec::<String>::new(), "what is answered, or is wrong by itself, is not counted");

    get(&format!("/v2/apps/?{}", "y".repeat(8 * 1024)), "").await;
    let long = format!("X: {}\r\n", "y".repeat(32 * 1024));
    get("/healthz", &long).await;
    get("/healthz", &format!("{long}{long}")).await;
    ask(&sandbox, ADDRESS, "POST /v2/auth/login/", "", &"y".repeat(1024 * 1024 + 1)).await;
    let mut head = Wire::connect(&sandbox).await;
    head.say("GET /healthz HTTP/1.1\r\nHost: deis.exam").await;
    head.hear_all().await;
    let mut body = Wire::connect(&sandbox).await;
    body.say("POST /v2/auth/login/ HTTP/1.1\r\nHost: deis.example.com\r\nContent-Length: 50\r\n\r\n{").await;
    body.hear_all().await;
    // Who is idle is refused nothing.
    Wire::connect(&sandbox).await.hear_all().await;
    insta::assert_snapshot!(refusals(&sandbox).join("\n"));
}

#[tokio::test]
async fn what_there_is_too_much_of_is_counted() {
    let limits = Limits { connections: 140, turned_away: 1, ..Limits::default() };
    let sandbox = Sandbox::start_as(Setup { limits, ..Setup::default() }).await;
    sandbox.user("bob").await;
    Acting::calling_from(ADDRESS.parse().ok())
        .scope(async {
            let passwords = &sandbox.workflow.passwords;
            for _ in 0..100 {
                passwords.registration().unwrap();
            }
            for _ in 0..10 {
                drop(passwords.attempt(&"bob".parse().unwrap()).unwrap());
            }
        })
        .await;
    let late = log_in(&sandbox, ADDRESS, "bob", "secret").await;
    assert!(late.contains("too-many-attempts"), "{late}");
    let body = r#"{"username": "eve", "password": "secret"}"#;
    let late = line(&ask(&sandbox, ADDRESS, "POST /v2/auth/register/", "", body).await);
    assert!(late.contains("too-many-attempts"), "{late}");

    let turns = sandbox.turns.acquire_many(2).await.unwrap();
    let mut waiting =
        (0..64).map(|_| sandbox.workflow.passwords.hash("secret".into())).collect::<FuturesUnordered<_>>();
    assert!(waiting.next().now_or_never().is_none());
    let late = log_in(&sandbox, "192.0.2.9", "bob", "secret").await;
    assert!(late.contains("overloaded"), "{late}");
    drop((waiting, turns));

    let mut held = Vec::new();
    for _ in 0..128 {
        let mut wire = Wire::connect(&sandbox).await;
        wire.say(&format!(
            "POST /v2/auth/login/ HTTP/1.1\r\nHost: deis.example.com\r\nX-Forwarded-For: {ADDRESS}\r\n\
             Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        ))
        .await;
        wire.hear("\r\n\r\n").await;
        held.push(wire);
    }
    let late = line(&ask(&sandbox, ADDRESS, "GET /healthz", "", "").await);
    assert!(late.contains("limit-reached"), "{late}");
    loop {
        let mut wire = Wire::connect(&sandbox).await;
        wire.say("GET /v2/ HTTP/1.1\r\nHost: deis.example.com\r\nX-Forwarded-For: 192.0.2.8\r\n\r\n").await;
        if wire.hear("}").await.contains("overloaded") {
            break;
        }
        held.push(wire);
    }
    insta::assert_snapshot!(refusals(&sandbox).join("\n"));
}

#[test]
fn what_each_of_them_means_is_told() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operating.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_before, page) = page.split_once("`deis_workflow_limit_refusals_total`").unwrap();
    let (table, _after) = page.split_once("\n## ").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `")).collect::<Vec<_>>();
    for limit in Limit::ALL {
        let name = format!("`{}`", limit.as_str());
        assert!(rows.iter().any(|row| row.contains(&name)), "{name} is not in docs/operating.md");
    }
}
