//! Clients that take their time: each is given up after a while, and another one is served meanwhile.

use std::time::Duration;

use deis_workflow::server::connections::Limits;

use super::limits::{Wire, line};
use super::sandbox::{Sandbox, Setup};

/// Instead of a minute.
const LIMIT: Duration = Duration::from_secs(1);

async fn impatient(limits: Limits) -> Sandbox {
    Sandbox::start_as(Setup { limits, ..Setup::default() }).await
}

/// Another client, who is served.
async fn assert_served(sandbox: &Sandbox) {
    let mut wire = Wire::connect(sandbox).await;
    wire.say("GET /healthz HTTP/1.1\r\nHost: deis.example.com\r\nConnection: close\r\n\r\n").await;
    assert_eq!(line(&wire.hear_all().await), "HTTP/1.1 200 OK | connection: close | OK");
}

#[tokio::test]
async fn slow_heads_are_given_up() {
    let sandbox = impatient(Limits { head: LIMIT, ..Limits::default() }).await;
    let (mut slow, silent) = (Wire::connect(&sandbox).await, Wire::connect(&sandbox).await);
    slow.say("GET /healthz HTTP/1.1\r\nHost: deis.exam").await;
    assert_served(&sandbox).await;
    insta::assert_snapshot!(line(&slow.hear_all().await));
    assert_eq!(silent.hear_all().await, "", "who asks for nothing is told nothing");
}

#[tokio::test]
async fn a_connection_that_is_idle_for_long_ends() {
    let sandbox = impatient(Limits { head: LIMIT, ..Limits::default() }).await;
    let mut idle = Wire::connect(&sandbox).await;
    idle.say("GET /healthz HTTP/1.1\r\nHost: deis.example.com\r\n\r\n").await;
    let answer = idle.hear("\r\n\r\nOK").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(idle.hear_all().await, "");
}

#[tokio::test]
async fn slow_bodies_are_given_up() {
    let sandbox = impatient(Limits { body: LIMIT, ..Limits::default() }).await;
    let mut slow = Wire::connect(&sandbox).await;
    slow.say("POST /v2/auth/login/ HTTP/1.1\r\nHost: deis.example.com\r\nContent-Length: 50\r\n\r\n{\"username\":")
        .await;
    let mut chunked = Wire::connect(&sandbox).await;
    chunked
        .say(
            "POST /v2/auth/login/ HTTP/1.1\r\nHost: deis.example.com\r\nTransfer-Encoding: chunked\r\n\r\n\
             c\r\n{\"username\":\r\n",
        )
        .await;
    assert_served(&sandbox).await;
    for slow in [slow, chunked] {
        let answer = line(&slow.hear_all().await);
        insta::allow_duplicates! { insta::assert_snapshot!(answer) };
    }
}

#[tokio::test]
async fn who_finds_no_place_is_told_so() {
    let sandbox = impatient(Limits { connections: 2, turned_away: 1, ..Limits::default() }).await;
    let mut seated = Vec::new();
    for _ in 0..2 {
        let mut wire = Wire::connect(&sandbox).await;
        wire.say("GET /healthz HTTP/1.1\r\nHost: deis.example.com\r\n\r\n").await;
        wire.hear("\r\n\r\nOK").await;
        seated.push(wire);
    }
    for _ in 0..3 {
        let mut late = Wire::connect(&sandbox).await;
        late.say("GET /healthz HTTP/1.1\r\nHost: deis.example.com\r\n\r\n").await;
        let answer = line(&late.hear_all().await);
        insta::allow_duplicates! { insta::assert_snapshot!(answer) };
    }
    // Those who have one keep it.
    for mut wire in seated {
        wire.say("GET /healthz HTTP/1.1\r\nHost: deis.example.com\r\nConnection: close\r\n\r\n").await;
        assert_eq!(line(&wire.hear_all().await), "HTTP/1.1 200 OK | connection: close | OK");
    }
}
