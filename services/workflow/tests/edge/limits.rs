//! What one client may ask, and that others do not pay for it.

use deis_workflow::acting::Acting;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::sandbox::Sandbox;

/// A client that speaks HTTP by hand.
pub(super) struct Wire(TcpStream);

impl Wire {
    pub(super) async fn connect(sandbox: &Sandbox) -> Self {
        Self(TcpStream::connect(sandbox.rest()).await.unwrap())
    }

    pub(super) async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// What comes up to and with these words, which are the last for now.
    pub(super) async fn hear(&mut self, words: &str) -> String {
        let mut heard = Vec::new();
        while !heard.ends_with(words.as_bytes()) {
            assert_ne!(self.0.read_buf(&mut heard).await.unwrap(), 0, "{}", String::from_utf8_lossy(&heard));
        }
        String::from_utf8(heard).unwrap()
    }

    /// What comes before the server closes the connection.
    pub(super) async fn hear_all(mut self) -> String {
        let mut heard = Vec::new();
        self.0.read_to_end(&mut heard).await.unwrap();
        String::from_utf8(heard).unwrap()
    }
}

/// The status, some headers and the body of an answer.
pub(super) fn line(answer: &str) -> String {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return answer.to_owned() };
    let mut lines = head.lines();
    let mut told = vec![lines.next().unwrap_or_default().to_owned()];
    let shown = ["connection:", "retry-after:", "deis-error-code:"];
    told.extend(lines.filter(|line| shown.iter().any(|name| line.starts_with(name))).map(str::to_owned));
    told.push(body.trim_end().to_owned());
    told.join(" | ")
}

/// A request on a connection of its own, of a client that the router has seen at an address.
pub(super) async fn ask(sandbox: &Sandbox, address: &str, request: &str, headers: &str, body: &str) -> String {
    let mut wire = Wire::connect(sandbox).await;
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nHost: deis.example.com\r\nConnection: close\r\nX-Forwarded-For: {address}\r\n{headers}\
         Content-Length: {length}\r\n\r\n"
    );
    wire.say(&format!("{head}{body}")).await;
    wire.hear_all().await
}

pub(super) async fn log_in(sandbox: &Sandbox, address: &str, username: &str, password: &str) -> String {
    let body = json!({ "username": username, "password": password }).to_string();
    line(&ask(sandbox, address, "POST /v2/auth/login/", "", &body).await)
}

/// What is left of a time is another one on another machine.
fn without_seconds(line: &str) -> String {
    let words = line.split(' ').collect::<Vec<_>>();
    let is_seconds = |word: &str| word.parse::<u8>().is_ok_and(|seconds| seconds <= 60);
    words.into_iter().map(|word| if is_seconds(word) { "N" } else { word }).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn who_guesses_waits_and_whose_password_it_is_does_not() {
    let sandbox = Sandbox::start().await;
    let bob = sandbox.user("bob").await;
    sandbox.user("alice").await;
    let (here, there) = ("192.0.2.7", "192.0.2.8");
    for _ in 0..12 {
        let answer = log_in(&sandbox, here, "alice", "secret").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "what fits is not counted: {answer}");
    }
    for _ in 0..10 {
        let answer = log_in(&sandbox, here, "alice", "wrong").await;
        assert!(answer.contains("Unable to log in"), "{answer}");
    }
    let mut lines = vec![
        log_in(&sandbox, here, "alice", "wrong").await,
        // It does not learn whether it has guessed it.
        log_in(&sandbox, here, "alice", "secret").await,
        log_in(&sandbox, here, "bob", "wrong").await,
    ];
    let elsewhere = log_in(&sandbox, there, "alice", "secret").await;
    assert!(elsewhere.starts_with("HTTP/1.1 200 OK"), "{elsewhere}");

    // One customer has a whole /64, and a password that is changed is one that can be guessed.
    let body = json!({ "password": "wrong", "new_password": "new" }).to_string();
    let token = format!("Authorization: token {bob}\r\n");
    for number in 0..10 {
        let address = format!("2001:db8::{number}");
        let answer = line(&ask(&sandbox, &address, "POST /v2/auth/passwd/", &token, &body).await);
        assert!(answer.contains("Current password does not match"), "{answer}");
    }
    lines.push(line(&ask(&sandbox, "2001:db8::77", "POST /v2/auth/passwd/", &token, &body).await));
    lines.push(log_in(&sandbox, "2001:db8::78", "bob", "secret").await);
    let next = log_in(&sandbox, "2001:db8:0:1::78", "bob", "secret").await;
    assert!(next.starts_with("HTTP/1.1 200 OK"), "{next}");
    insta::assert_snapshot!(lines.iter().map(|line| without_seconds(line)).collect::<Vec<_>>().join("\n"));
}

#[tokio::test]
async fn who_guesses_at_everybodys_waits_too() {
    let sandbox = Sandbox::start().await;
    sandbox.user("bob").await;
    let address = "192.0.2.7";
    // Without the time that thirty comparisons take: meanwhile another one is allowed.
    Acting::calling_from(address.parse().ok())
        .scope(async {
            for number in 0..30 {
                let username = format!("user{number}").parse().unwrap();
                drop(sandbox.workflow.passwords.attempt(&username).unwrap());
            }
        })
        .await;
    let answer = log_in(&sandbox, address, "bob", "secret").await;
    insta::assert_snapshot!(without_seconds(&answer));
}

#[tokio::test]
async fn accounts_are_not_made_by_the_thousand() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.user("admin").await;
    let address = "192.0.2.7";
    Acting::calling_from(address.parse().ok())
        .scope(async {
            for _ in 0..100 {
                sandbox.workflow.passwords.registration().unwrap();
            }
        })
        .await;
    let body = json!({ "username": "eve", "password": "secret" }).to_string();
    let register = async |address: &str, headers: &str| {
        line(&ask(&sandbox, address, "POST /v2/auth/register/", headers, &body).await)
    };
    insta::assert_snapshot!(without_seconds(&register(address, "").await));
    let by_admin = register(address, &format!("Authorization: token {admin}\r\n")).await;
    assert!(by_admin.starts_with("HTTP/1.1 201"), "{by_admin}");
    // Who is refused whatever he says costs nothing, and counts for nothing.
    sandbox.mode.send_replace(deis_workflow::accounts::RegistrationMode::AdminOnly);
    let all = sandbox.turns.acquire_many(2).await.unwrap();
    let refused = register(address, "").await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    drop(all);
}

#[tokio::test]
async fn a_flood_of_logins_is_told_so_at_once_and_others_are_served() {
    let sandbox = Sandbox::start().await;
    let bob = sandbox.user("bob").await;
    // No password is hashed for now, however fast the machine.
    let held = sandbox.turns.acquire_many(2).await.unwrap();
    let addresses = (0..200).map(|number| format!("192.0.2.{number}")).collect::<Vec<_>>();
    let mut logins =
        addresses.iter().map(|address| log_in(&sandbox, address, "bob", "secret")).collect::<FuturesUnordered<_>>();
    for _ in 0..136 {
        let answer = logins.next().await.unwrap();
        insta::allow_duplicates! { insta::assert_snapshot!(answer) };
    }
    let others = ask(&sandbox, "192.0.2.7", "GET /v2/apps/", &format!("Authorization: token {bob}\r\n"), "").await;
    assert!(others.starts_with("HTTP/1.1 200 OK"), "{others}");
    drop(held);
    let rest = logins.collect::<Vec<_>>().await;
    assert_eq!(rest.len(), 64);
    assert!(rest.iter().all(|answer| answer.starts_with("HTTP/1.1 200 OK")), "{rest:?}");
}

#[tokio::test]
async fn heads_have_a_size() {
    let sandbox = Sandbox::start().await;
    let get = async |path: &str, headers: &str| ask(&sandbox, "192.0.2.7", &format!("GET {path}"), headers, "").await;
    let many = (0..96).map(|number| format!("X-{number}: y\r\n")).collect::<String>();
    let long = format!("X: {}\r\n", "y".repeat(32 * 1024));
    let query = format!("/v2/apps/?{}", "y".repeat(8 * 1024));
    let answers = [
        get("/healthz", &many).await,
        get("/healthz", &format!("{many}X: y\r\n")).await,
        get("/healthz", &long).await,
        get(&query, "").await,
        get(&format!("/v2/apps/{}/", "y".repeat(8 * 1024)), "").await,
        // What is longer than anybody might mean is not read to its end.
        get("/healthz", &format!("{long}{long}")).await,
        get("/healthz", &many.repeat(3)).await,
    ];
    assert!(answers[1].contains("deis_api_version: 2.3"), "{}", answers[1]);
    insta::assert_snapshot!(answers.map(|answer| line(&answer)).join("\n"));
}

#[tokio::test]
async fn http_2_is_between_clients_and_the_router() {
    let sandbox = Sandbox::start().await;
    let mut wire = Wire::connect(&sandbox).await;
    wire.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert_eq!(wire.hear_all().await, "");
}

#[tokio::test]
async fn an_address_has_so_many_requests_under_way_and_others_are_served() {
    let sandbox = Sandbox::start().await;
    let mut held = Vec::new();
    for _ in 0..128 {
        let mut wire = Wire::connect(&sandbox).await;
        wire.say(
            "POST /v2/auth/login/ HTTP/1.1\r\nHost: deis.example.com\r\nX-Forwarded-For: 192.0.2.7\r\n\
             Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        )
        .await;
        // Now it is waited for the body.
        assert_eq!(wire.hear("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
        held.push(wire);
    }
    let refused = line(&ask(&sandbox, "192.0.2.7", "GET /healthz", "", "").await);
    insta::assert_snapshot!(refused);
    let other = line(&ask(&sandbox, "192.0.2.8", "GET /healthz", "", "").await);
    assert_eq!(other, "HTTP/1.1 200 OK | connection: close | OK");
    let mut first = held.pop().unwrap();
    first.say("{}").await;
    let answered = first.hear("}").await;
    assert!(answered.contains("This field is required."), "{answered}");
    let again = line(&ask(&sandbox, "192.0.2.7", "GET /healthz", "", "").await);
    assert_eq!(again, "HTTP/1.1 200 OK | connection: close | OK");
}
