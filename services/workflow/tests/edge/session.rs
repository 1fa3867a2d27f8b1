//! Websockets on which somebody works with a process; the test is the process, too.

use std::time::{Duration, Instant};

use deis_api::session::{Exit, Frame, Order, Size};
use deis_bootstrap::deadline;
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::push::{deploy, image};
use super::sandbox::Sandbox;

const RUN: &str = "/v2/apps/shop/run/attach/";
const TERMINAL: Option<Size> = Some(Size { columns: 80, rows: 24 });
/// How long anything may take that is sure to come.
const LIMIT: Duration = Duration::from_secs(30);

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// The status when the server does not let him in.
    async fn open(sandbox: &Sandbox, path: &str, token: Option<&str>) -> Result<Self, u16> {
        let mut request = format!("ws://{}{path}", sandbox.rest()).into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("Authorization", format!("token {token}").parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _answer)) => Ok(Self(socket)),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => unreachable!("{error}"),
        }
    }

    async fn order(sandbox: &Sandbox, path: &str, token: &str, command: &[&str], terminal: Option<Size>) -> Self {
        let mut socket = Self::open(sandbox, path, Some(token)).await.unwrap();
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        let order = Order { command, terminal, timeout: None };
        socket.0.send(Message::text(serde_json::to_string(&order).unwrap())).await.unwrap();
        socket
    }

    async fn says(&mut self, frame: Frame) {
        self.0.send(Message::binary(frame.encode())).await.unwrap();
    }

    async fn hears(&mut self) -> Frame {
        let frame = async {
            loop {
                match self.0.next().await.unwrap().unwrap() {
                    Message::Binary(bytes) => return Frame::decode(&bytes).unwrap(),
                    Message::Ping(_) => {}
                    other => unreachable!("{other:?}"),
                }
            }
        };
        deadline(LIMIT, frame).await.unwrap()
    }
}

fn stdout(text: &str) -> Frame {
    Frame::Stdout(text.as_bytes().to_vec())
}

fn exit(exit_code: i32) -> Frame {
    Frame::Exit(Exit::Ended { exit_code })
}

fn refusal(frame: Frame) -> String {
    match frame {
        Frame::Exit(Exit::Refused { code, detail }) => format!("{code}: {detail}"),
        other => unreachable!("{other:?}"),
    }
}

/// An app that serves, its owner's token and that of a collaborator.
async fn shop() -> (Sandbox, String, String) {
    let sandbox = Sandbox::start().await;
    let owner = sandbox.app("shop").await;
    deploy(&sandbox, "shop", &image("shop", "1")).await;
    let collaborator = sandbox.user("carol").await;
    let shared = sandbox.post("/v2/apps/shop/perms/", &owner, json!({ "username": "carol" })).await;
    assert_eq!(shared.status.as_u16(), 201);
    (sandbox, owner, collaborator)
}

#[tokio::test]
async fn a_person_works_with_a_command_on_a_terminal() {
    let (sandbox, _, collaborator) = shop().await;
    let mut person = Socket::order(&sandbox, RUN, &collaborator, &["sleep"], TERMINAL).await;
    let mut process = sandbox.cluster.process().await;
    assert!(process.pod.starts_with("shop-run-") && process.has_terminal);
    assert_eq!(sandbox.cluster.runs(), ["v2 sleep 86400 s"]);
    // It begins when somebody is there, and what the terminal echoes of that is not shown.
    process.reads("\n").await;
    process.prints("\r\n\u{1b}[m$ ").await;
    assert_eq!(person.hears().await, stdout("$ "));
    // Whatever is typed gets there, Ctrl-C too.
    person.says(Frame::Stdin(b"ls\r\x03".to_vec())).await;
    process.reads("ls\r\u{3}").await;
    person.says(Frame::Resize(Size { columns: 100, rows: 40 })).await;
    person.says(Frame::Stdin(b"x".to_vec())).await;
    process.reads("x").await;
    assert_eq!(process.sizes(), ["80x24", "100x40"]);
    process.ends(0);
    sandbox.cluster.end_runs(3);
    assert_eq!(person.hears().await, exit(3));
    assert!(matches!(person.0.next().await, Some(Ok(Message::Close(_))) | None));
    assert_eq!(sandbox.cluster.runs(), Vec::<String>::new());
    let told = sandbox.logger.events("shop", 8).await;
    assert!(told.iter().any(|event| event.starts_with("run: carol on shop-run-")), "{told:?}");
}

#[tokio::test]
async fn without_a_terminal_both_streams_are_told_apart_and_the_input_has_an_end() {
    let (sandbox, owner, _) = shop().await;
    let mut person = Socket::order(&sandbox, RUN, &owner, &["sleep"], None).await;
    let mut process = sandbox.cluster.process().await;
    process.reads("\n").await;
    process.prints("out").await;
    assert_eq!(person.hears().await, stdout("out"));
    process.complains("err").await;
    assert_eq!(person.hears().await, Frame::Stderr(b"err".to_vec()));
    person.says(Frame::Stdin(b"in".to_vec())).await;
    person.says(Frame::Stdin(Vec::new())).await;
    process.reads("in").await;
    process.reads_to_the_end().await;
    process.ends(0);
    sandbox.cluster.end_runs(0);
    assert_eq!(person.hears().await, exit(0));
}

#[tokio::test]
async fn who_goes_away_takes_his_command_with_him() {
    let (sandbox, owner, _) = shop().await;
    let person = Socket::order(&sandbox, RUN, &owner, &["sleep"], TERMINAL).await;
    let _process = sandbox.cluster.process().await;
    drop(person);
    sandbox.cluster.eventually(|cluster| cluster.runs().is_empty()).await;
    // Before it has begun, too.
    let person = Socket::order(&sandbox, RUN, &owner, &["wait for room"], TERMINAL).await;
    sandbox.cluster.eventually(|cluster| !cluster.runs().is_empty()).await;
    drop(person);
    sandbox.cluster.eventually(|cluster| cluster.runs().is_empty()).await;
}

#[tokio::test]
async fn what_cannot_begin_is_told() {
    let (sandbox, owner, _) = shop().await;
    let mut told = Vec::new();
    for command in [&["need an image"][..], &[" "], &[]] {
        let mut person = Socket::order(&sandbox, RUN, &owner, command, TERMINAL).await;
        let refusal = refusal(person.hears().await);
        told.push(refusal.split_once("(run): ").map_or(refusal.clone(), |(_, text)| text.to_owned()));
    }
    let mut person = Socket::open(&sandbox, RUN, Some(&owner)).await.unwrap();
    person.says(Frame::Stdin(b"ls".to_vec())).await;
    told.push(refusal(person.hears().await));
    insta::assert_yaml_snapshot!(told);
    assert_eq!(sandbox.cluster.runs(), Vec::<String>::new());
}

/// Who lets a session go on, and what takes that back.
#[tokio::test]
async fn a_session_ends_within_5_s_when_its_user_may_not_go_on() {
    for (method, path, body, by_owner, told) in [
        (
            Method::DELETE,
            "/v2/apps/shop/perms/carol",
            json!({}),
            true,
            "permission-denied: The session was ended. You do not have permission to perform this action.",
        ),
        (
            Method::POST,
            "/v2/auth/tokens/",
            json!({}),
            false,
            "invalid-credentials: The session was ended. Invalid token.",
        ),
        (Method::DELETE, "/v2/apps/shop/", json!({}), true, ""),
    ] {
        let (sandbox, owner, collaborator) = shop().await;
        let name = &sandbox.cluster.pod_names("shop")[0];
        let exec = format!("/v2/apps/shop/pods/web/{name}/exec/");
        let mut run = Socket::order(&sandbox, RUN, &collaborator, &["sleep"], TERMINAL).await;
        let first = sandbox.cluster.process().await;
        let mut inside = Socket::order(&sandbox, &exec, &collaborator, &["bash"], TERMINAL).await;
        let second = sandbox.cluster.process().await;

        let token = if by_owner { &owner } else { &collaborator };
        let revoked = sandbox.call(method, path, Some(token), Some(body)).await;
        assert!(revoked.status.is_success(), "{path}: {revoked:?}");
        let since = Instant::now();
        for socket in [&mut run, &mut inside] {
            let refusal = refusal(socket.hears().await);
            // An app that goes is told as it is found.
            assert!(refusal == told || (told.is_empty() && !refusal.is_empty()), "{path}: {refusal}");
        }
        assert!(since.elapsed() < Duration::from_secs(5), "{path}: {:?}", since.elapsed());
        sandbox.cluster.eventually(|cluster| cluster.runs().is_empty()).await;
        drop((first, second));
    }
}

#[tokio::test]
async fn a_person_looks_into_a_process() {
    let (sandbox, _, collaborator) = shop().await;
    let name = sandbox.cluster.pod_names("shop").remove(0);
    let path = format!("/v2/apps/shop/pods/web/{name}/exec/");
    let mut person = Socket::order(&sandbox, &path, &collaborator, &["ls", "-l"], None).await;
    let mut process = sandbox.cluster.process().await;
    assert_eq!((&process.pod, &process.command[..]), (&name, &["ls".to_owned(), "-l".to_owned()][..]));
    process.prints("main.go\n").await;
    assert_eq!(person.hears().await, stdout("main.go\n"));
    process.ends(5);
    assert_eq!(person.hears().await, exit(5));
    assert_eq!(sandbox.cluster.controllers(), ["v2 web 1"], "the process runs on");
    let told = sandbox.logger.events("shop", 8).await;
    assert!(told.contains(&format!("exec: carol in {name} runs 'ls -l'")), "{told:?}");
}

#[tokio::test]
async fn nobody_else_works_with_an_apps_processes() {
    let (sandbox, owner, _) = shop().await;
    let stranger = sandbox.user("mallory").await;
    let exec = format!("/v2/apps/shop/pods/web/{}/exec/", sandbox.cluster.pod_names("shop")[0]);
    for path in [RUN, &exec] {
        for (token, status) in [(None, 401), (Some("0"), 401), (Some(stranger.as_str()), 403)] {
            assert_eq!(Socket::open(&sandbox, path, token).await.err(), Some(status), "{path}");
        }
    }
    for path in ["/v2/apps/shop/pods/web/none/exec/", "/v2/apps/nothing-here/run/attach/"] {
        assert_eq!(Socket::open(&sandbox, path, Some(&owner)).await.err(), Some(404), "{path}");
    }
}
