//! What goes through the API server to a pod, over a WebSocket as Kubernetes speaks it: programs and ports.

use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderMap, Response, StatusCode, Uri, response};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::cluster::parameters;
use crate::grpc;

pub(crate) type Socket = WebSocketStream<TokioIo<Upgraded>>;

const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;

/// What is asked for, and what the test says to it.
pub(crate) enum Session {
    /// `{"stdout": "…", "stderr": "…", "exit": 0}`, of a program that reads nothing.
    Program { said: Value, has_terminal: bool },
    /// Who listens there speaks HTTP, `{"GET /readiness": 200}`, or is a service: see [`grpc::serve`].
    Port { port: u16, said: Value },
}

/// Behind the path, what the test is asked: the words of the command, or the port. `None` for what is no session.
pub(crate) fn wanted(uri: &Uri) -> Option<String> {
    let values =
        |key: &str| parameters(uri).into_iter().filter(|(name, _)| name == key).map(|(_, value)| value).collect();
    let (_, kind) = uri.path().rsplit_once('/')?;
    match kind {
        "exec" => Some(values("command")).map(|words: Vec<_>| words.join(" ")),
        "portforward" => Some(values("ports")).map(|ports: Vec<_>| ports.join(" ")),
        _ => None,
    }
}

impl Session {
    pub(crate) fn new(uri: &Uri, said: Value) -> Self {
        match wanted(uri).and_then(|wanted| wanted.parse().ok()).filter(|_| uri.path().ends_with("/portforward")) {
            Some(port) => Self::Port { port, said },
            None => {
                let has_terminal = parameters(uri).contains(&("tty".to_owned(), "true".to_owned()));
                Self::Program { said, has_terminal }
            }
        }
    }

    /// Until the client goes.
    pub(crate) async fn serve(self, upgraded: Upgraded) {
        let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        match self {
            Self::Program { said, has_terminal } => program(&mut socket, &said, has_terminal).await,
            Self::Port { port, said } if grpc::is_told(&said) => grpc::serve(&mut socket, port, &said).await,
            Self::Port { port, said } => answer(&mut socket, port, &said).await,
        }
        while let Some(Ok(_)) = socket.next().await {}
    }
}

/// The answer with which the API server changes the protocol.
pub(crate) fn accepted(headers: &HeaderMap) -> response::Builder {
    let offered = headers[SEC_WEBSOCKET_PROTOCOL].to_str().unwrap();
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, derive_accept_key(headers[SEC_WEBSOCKET_KEY].as_bytes()))
        .header(SEC_WEBSOCKET_PROTOCOL, offered.split(',').next().unwrap().trim())
}

async fn program(socket: &mut Socket, said: &Value, has_terminal: bool) {
    // That it runs.
    send(socket, STDOUT, b"").await;
    for (channel, stream) in [(STDOUT, "stdout"), (STDERR, "stderr")] {
        let text = said[stream].as_str().unwrap_or_default();
        // A terminal has one stream, and moves to the beginning of a line as well as to the next.
        match has_terminal {
            true => send(socket, STDOUT, text.replace('\n', "\r\n").as_bytes()).await,
            false => send(socket, channel, text.as_bytes()).await,
        }
    }
    let status = match said["exit"].as_u64().unwrap() {
        0 => json!({ "metadata": {}, "status": "Success" }),
        code => json!({
            "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": format!("command terminated with non-zero exit code: exit status {code}"),
            "details": { "causes": [{ "reason": "ExitCode", "message": code.to_string() }] },
        }),
    };
    send(socket, STATUS, status.to_string().as_bytes()).await;
    let _gone = socket.close(None).await;
}

/// Says that the port is there.
pub(crate) async fn open(socket: &mut Socket, port: u16) {
    for channel in [0, 1] {
        send(socket, channel, &port.to_le_bytes()).await;
    }
}

/// Channel 0 is the port's data, channel 1 its errors; both begin with the port's number.
async fn answer(socket: &mut Socket, port: u16, said: &Value) {
    open(socket, port).await;
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let Some(Ok(message)) = socket.next().await else { return };
        if let [0, data @ ..] = &message.into_data()[..] {
            request.extend(data);
        }
    }
    let line = String::from_utf8(request).unwrap();
    let (asked, _) = line.split_once(" HTTP/1.1").unwrap();
    let status = said[asked].as_u64().unwrap_or(404);
    send(socket, 0, format!("HTTP/1.1 {status} \r\ncontent-length: 0\r\n\r\n").as_bytes()).await;
}

pub(crate) async fn send(socket: &mut Socket, channel: u8, data: &[u8]) {
    // How a client goes is its own business.
    let _gone = socket.send(Message::binary([&[channel], data].concat())).await;
}
