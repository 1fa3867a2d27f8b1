//! A router that is replaced: what its clients have open, and how they hear of it.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use deis_bootstrap::deadline;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::Full;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

use crate::support::{App, Authority, Edge, LIMIT, Seen, app, text};
use crate::tls::{connect, request, started};
use crate::upgrade::parrot;

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: app.example.com\r\n\r\n";

#[tokio::test]
async fn requests_under_way_are_finished_when_the_router_ends() {
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell_arrived, wait_go_on) = (Arc::clone(&arrived), Arc::clone(&go_on));
    let slow = App::start(move |request| {
        let (arrived, go_on) = (Arc::clone(&tell_arrived), Arc::clone(&wait_go_on));
        async move {
            if request.uri() == "/slow" {
                arrived.notify_one();
                go_on.notified().await;
            }
            text("done")
        }
    })
    .await;
    let edge = Edge::start(app(&[], &[slow.address])).await;

    let mut stream = TcpStream::connect(edge.http).await.unwrap();
    stream.write_all(b"GET /slow HTTP/1.1\r\nhost: app.example.com\r\n\r\n").await.unwrap();
    deadline(LIMIT, arrived.notified()).await.unwrap();
    edge.context.shutdown.cancel();
    // Who comes now is served too, once.
    let late = edge.raw(b"GET / HTTP/1.1\r\nhost: app.example.com\r\n\r\n").await;
    assert!(late.contains("connection: close") && late.ends_with("done"), "{late}");

    go_on.notify_one();
    let mut answer = String::new();
    deadline(LIMIT, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close") && answer.ends_with("done"));
    let http = edge.http;
    edge.stop().await;
    assert!(TcpStream::connect(http).await.is_err());
}

/// Between two requests a connection is not closed: the next request may be on its way.
#[tokio::test]
async fn an_idle_connection_is_told_with_its_next_answer() {
    let edge = Edge::start(app(&[], &[App::saying("done").await.address])).await;
    let mut stream = TcpStream::connect(edge.http).await.unwrap();
    let mut answer = [0; 1024];
    stream.write_all(GET).await.unwrap();
    let length = deadline(LIMIT, stream.read(&mut answer)).await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&answer[..length]).contains("connection:"));

    edge.context.shutdown.cancel();
    // Whoever asks after that has come to a router that knows.
    assert!(edge.raw(GET).await.contains("connection: close"));
    let now = stream.try_read(&mut answer).unwrap_err();
    assert_eq!(now.kind(), ErrorKind::WouldBlock, "it is open");
    stream.write_all(GET).await.unwrap();
    let mut answer = String::new();
    deadline(LIMIT, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.contains("connection: close") && answer.ends_with("done"), "{answer}");
    edge.stop().await;
}

/// At any time: nobody keeps a place by being silent.
#[tokio::test]
async fn a_silent_connection_is_given_up() {
    let authority = Arc::new(Authority::new());
    let folder = Arc::new(tempfile::tempdir().unwrap());
    authority.write_platform(&folder.path().join("platform"));
    let edge = Edge::launch(&["--client-idle", "0"], folder, Arc::clone(&authority)).await;
    let mut plain = TcpStream::connect(edge.http).await.unwrap();
    assert_eq!(deadline(LIMIT, plain.read(&mut [0; 1])).await.unwrap().unwrap(), 0);
    for protocol in ["http/1.1", "h2"] {
        let mut secure = connect(&edge, &authority, protocol).await.unwrap();
        // Without a farewell of TLS: there was nothing that could be cut short.
        drop(deadline(LIMIT, secure.read_to_end(&mut Vec::new())).await.unwrap());
    }
    edge.stop().await;
}

async fn http2(edge: &Edge, authority: &Authority) -> (SendRequest<Full<Bytes>>, oneshot::Receiver<()>) {
    let stream = connect(edge, authority, "h2").await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let (tell, ended) = oneshot::channel();
    edge.context.tasks.spawn("client", async move {
        drop(connection.await);
        let _gone = tell.send(());
    });
    (sender, ended)
}

async fn ask(sender: &mut SendRequest<Full<Bytes>>) -> Seen {
    Seen::read(deadline(LIMIT, sender.send_request(request("https://app.example.com/"))).await.unwrap().unwrap()).await
}

#[tokio::test]
async fn clients_of_http2_are_told_to_go_away() {
    let (edge, authority) = started().await;
    let (mut sender, ended) = http2(&edge, &authority).await;
    assert_eq!(ask(&mut sender).await.status, 200);
    // As long as somebody is there it does not end.
    let mut other = TcpStream::connect(edge.http).await.unwrap();
    other.write_all(GET).await.unwrap();
    assert_ne!(deadline(LIMIT, other.read(&mut [0; 1024])).await.unwrap().unwrap(), 0);
    edge.context.shutdown.cancel();
    deadline(LIMIT, ended).await.unwrap().unwrap();

    // Who comes now is served too, once.
    let (mut sender, ended) = http2(&edge, &authority).await;
    let answer = ask(&mut sender).await;
    assert_eq!((answer.status, answer.header("connection")), (200, ""));
    deadline(LIMIT, ended).await.unwrap().unwrap();
    drop(other);
    edge.stop().await;
}

/// An app that tells how its websocket was closed.
async fn listener() -> (SocketAddr, oneshot::Receiver<Option<CloseFrame>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, heard) = oneshot::channel();
    deis_bootstrap::Context::new("app").tasks.spawn("listener", async move {
        let mut socket = accept_async(listener.accept().await.unwrap().0).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(frame) = message {
                drop(tell.send(frame));
                break;
            }
        }
        // Answers the close frame, then closes.
        while let Some(Ok(_)) = socket.next().await {}
    });
    (address, heard)
}

async fn socket(edge: &Edge) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(edge.http).await.unwrap();
    deadline(LIMIT, client_async("ws://app.example.com/", stream)).await.unwrap().unwrap().0
}

#[tokio::test]
async fn an_open_socket_is_a_connection_until_it_closes() {
    let edge = Edge::start(app(&[], &[parrot().await])).await;
    let stream = TcpStream::connect(edge.http).await.unwrap();
    let (mut socket, _) = deadline(LIMIT, client_async("ws://app.example.com/", stream)).await.unwrap().unwrap();
    assert!(edge.metric("connections").ends_with(" 1"));
    edge.context.shutdown.cancel();
    // The router's end waits for it.
    socket.send(Message::text("still there?")).await.unwrap();
    assert_eq!(deadline(LIMIT, socket.next()).await.unwrap().unwrap().unwrap(), Message::text("still there?"));
    drop(socket);
    edge.stop().await;
}

#[tokio::test]
async fn a_socket_hears_at_the_deadline_that_the_router_goes_away() {
    let (address, heard) = listener().await;
    // A second, and what the process keeps for its own end.
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let edge = Edge::launch(&["--shutdown-after", "3"], folder, Arc::new(Authority::new())).await;
    for event in app(&[], &[address]) {
        edge.send(event).await;
    }
    edge.complete().await;
    let mut socket = socket(&edge).await;
    edge.context.shutdown.cancel();
    let last = deadline(LIMIT, socket.next()).await.unwrap().unwrap().unwrap();
    let Message::Close(Some(told)) = last else { panic!("{last:?}") };
    assert_eq!((told.code, told.reason.as_str()), (CloseCode::Away, "The router is being replaced; connect again."));
    while let Some(Ok(_)) = deadline(LIMIT, socket.next()).await.unwrap() {}
    let heard = deadline(LIMIT, heard).await.unwrap().unwrap().unwrap();
    assert_eq!(heard.code, CloseCode::Away);
    edge.stop().await;
}
