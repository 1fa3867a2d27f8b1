//! Websockets of commands that somebody works with. They begin as any other request, so that the same token, certificates and proxies hold for
//! them, and refusals are told alike.

use deis_api::session::{Exit, Frame, Order};
use deis_cli::{Failure, deadline};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use reqwest::{Method, StatusCode, Upgraded};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{self, Message};

use super::{Api, Error, SILENCE, Wait, header};

/// What comes from a command that somebody works with.
pub struct Hearing {
    stream: SplitStream<WebSocketStream<Upgraded>>,
    controller: String,
}

/// What goes to it.
pub struct Speaking(SplitSink<WebSocketStream<Upgraded>, Message>);

impl Api {
    /// Opens a session and says what is to be run in it.
    pub async fn session(&self, segments: &[&str], order: &Order) -> Result<(Hearing, Speaking), Failure> {
        let key = generate_key();
        let request = self.request_by(&self.over_http1()?, Method::GET, segments);
        let request = request
            .header(CONNECTION, HeaderValue::from_static("Upgrade"))
            .header(UPGRADE, HeaderValue::from_static("websocket"))
            .header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))
            .header(SEC_WEBSOCKET_KEY, &key);
        let response = match deadline::within(Wait::Short.duration(), request.send()).await {
            Some(response) => response.map_err(|error| self.failure(error, Wait::Short.duration()))?,
            None => return Err(Error::TimedOut(self.controller.to_string(), Wait::Short.duration()).into()),
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            // What is no refusal is no controller that knows sessions.
            self.read(response).await?;
            return Err(Error::NoSession(self.controller.to_string()).into());
        }
        if header(&response, SEC_WEBSOCKET_ACCEPT.as_str()).as_deref() != Some(&derive_accept_key(key.as_bytes())) {
            return Err(Error::NoSession(self.controller.to_string()).into());
        }
        let upgraded = response.upgrade().await.map_err(|error| self.failure(error, Wait::Short.duration()))?;
        let mut socket = WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await;
        let text = serde_json::to_string(order)?;
        let controller = self.controller.to_string();
        socket.send(Message::text(text)).await.map_err(|error| broken(&controller, &error))?;
        let (sink, stream) = socket.split();
        Ok((Hearing { stream, controller }, Speaking(sink)))
    }
}

impl Hearing {
    /// The next frame of the controller; an error when there is not even a sign of life. May be dropped and called again.
    pub async fn next(&mut self) -> Result<Frame, Failure> {
        loop {
            let Some(message) = deadline::within(SILENCE, self.stream.next()).await else {
                return Err(Error::TimedOut(self.controller.clone(), SILENCE).into());
            };
            match message {
                Some(Ok(Message::Binary(bytes))) => return Ok(Frame::decode(&bytes)?),
                // Pings are answered beneath.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) | None => return Err(Error::SessionLost(self.controller.clone()).into()),
                Some(Err(error)) => return Err(broken(&self.controller, &error)),
            }
        }
    }
}

impl Speaking {
    /// Hands a frame to the controller, when it takes it; answers whether it did. What went wrong is told by who hears.
    pub async fn send(&mut self, frame: &Frame) -> bool {
        self.0.send(Message::binary(frame.encode())).await.is_ok()
    }
}

fn broken(controller: &str, error: &tungstenite::Error) -> Failure {
    Failure::from(Error::SessionLost(controller.to_owned())).hint(format!("The connection said: {error}"))
}

/// The exit code of a command, or why it has none.
pub fn exit_code(exit: Exit) -> Result<i32, Failure> {
    match exit {
        Exit::Ended { exit_code } => Ok(exit_code),
        Exit::Refused { code, detail } => Err(Failure::new(detail).code(code)),
    }
}
