//! Connections that become something else.

use deis_bootstrap::{Context, deadline};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, client_async};

use crate::support::{App, Edge, LIMIT, app};

/// An app that repeats what it hears on websockets.
pub(crate) async fn parrot() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    Context::new("app").tasks.spawn("parrot", async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = accept_async(stream).await.unwrap();
            while let Some(Ok(message)) = socket.next().await {
                if message.is_close() || socket.send(message).await.is_err() {
                    break;
                }
            }
        }
    });
    address
}

#[tokio::test]
async fn websockets_pass() {
    let edge = Edge::start(app(&[], &[parrot().await])).await;
    let stream = TcpStream::connect(edge.http).await.unwrap();
    let (mut socket, answer) =
        deadline(LIMIT, client_async("ws://app.example.com/chat", stream)).await.unwrap().unwrap();
    assert_eq!(answer.status(), 101);
    for words in ["one", "two", &"long".repeat(20_000)] {
        socket.send(Message::text(words)).await.unwrap();
        assert_eq!(deadline(LIMIT, socket.next()).await.unwrap().unwrap().unwrap(), Message::text(words));
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = deadline(LIMIT, socket.next()).await.unwrap() {}
    drop(socket);
    edge.stop().await;
}

#[tokio::test]
async fn an_app_may_decline() {
    let plain = App::saying("no sockets here").await;
    let edge = Edge::start(app(&[], &[plain.address])).await;
    let answer = edge
        .raw(b"GET / HTTP/1.1\r\nhost: app.example.com\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("no sockets here"), "{answer}");
}

#[tokio::test]
async fn nobody_leaves_http_for_http2_behind_the_rules() {
    let echo = App::echo().await;
    let edge = Edge::start(app(&[], &[echo.address])).await;
    let answer = edge
        .raw(b"GET / HTTP/1.1\r\nhost: app.example.com\r\nconnection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n")
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && !answer.contains("h2c") && !answer.contains("http2-settings"),
        "{answer}"
    );
}
