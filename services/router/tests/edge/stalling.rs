//! Clients that do not do their part: what they hold is given to others.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deis_bootstrap::deadline;
use futures_util::{SinkExt as _, StreamExt as _};
use http::Response;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use crate::limits::launch;
use crate::support::{App, Authority, Edge, LIMIT, Seen, app, text};
use crate::tls::{connect, request};
use crate::upgrade::parrot;

/// A client of HTTP/2 that takes so many bytes of each answer before it says that it takes more.
async fn client(edge: &Edge, window: u32) -> SendRequest<Full<Bytes>> {
    let authority = Authority::new();
    authority.write_platform(&edge.folder.path().join("platform"));
    let stream = connect(edge, &authority, "h2").await.unwrap();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(window);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    edge.context.tasks.spawn("client", connection);
    sender
}

#[tokio::test]
async fn a_stream_whose_client_takes_nothing_of_the_answer_is_reset() {
    let saying = App::saying("hello").await;
    let edge = launch(&["--client-stall", "0"], app(&[("maxConnections", "1")], &[saying.address])).await;
    let mut shut = client(&edge, 0).await;
    let answer = deadline(LIMIT, shut.send_request(request("https://app.example.com/"))).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    let end = deadline(LIMIT, answer.into_body().frame()).await.unwrap().unwrap().unwrap_err();
    assert!(format!("{end:?}").contains("CANCEL"), "{end:?}");
    assert_eq!(edge.metric("stalled_total"), "deis_router_stalled_total 1");
    assert_eq!(edge.get("/").await.text, "hello", "its place is free");
    // The connection is as good as before.
    let page = deadline(LIMIT, shut.send_request(request("https://nobody.example.com/"))).await.unwrap().unwrap();
    assert_eq!(page.status(), 404);
    deadline(LIMIT, page.into_body().frame()).await.unwrap().unwrap().unwrap_err();
    assert_eq!(edge.metric("stalled_total"), "deis_router_stalled_total 2");
}

#[tokio::test]
async fn who_has_nothing_to_take_lives_on() {
    let (events, said) = mpsc::channel::<Result<Frame<Bytes>, Infallible>>(1);
    let said = Arc::new(Mutex::new(Some(said)));
    let source = App::start(move |_| {
        let said = said.lock().take();
        async move {
            let Some(said) = said else { return text("hello") };
            Response::new(StreamBody::new(ReceiverStream::new(said)).map_err(|never| match never {}).boxed())
        }
    })
    .await;
    let edge = launch(&["--client-stall", "0"], app(&[], &[source.address])).await;
    let mut open = client(&edge, 1 << 20).await;
    events.send(Ok(Frame::data("one".into()))).await.unwrap();
    let answer = deadline(LIMIT, open.send_request(request("https://app.example.com/"))).await.unwrap().unwrap();
    let mut body = answer.into_body();
    let mut next = async || deadline(LIMIT, body.frame()).await.unwrap().unwrap().unwrap().into_data().unwrap();
    assert_eq!(next().await, "one");

    // Much longer than the limit: others are given up meanwhile.
    let mut shut = client(&edge, 0).await;
    let answer = deadline(LIMIT, shut.send_request(request("https://app.example.com/"))).await.unwrap().unwrap();
    deadline(LIMIT, answer.into_body().frame()).await.unwrap().unwrap().unwrap_err();
    events.send(Ok(Frame::data("two".into()))).await.unwrap();
    assert_eq!(next().await, "two");
    assert_eq!(edge.metric("stalled_total"), "deis_router_stalled_total 1");
}

#[tokio::test]
async fn a_silent_websocket_is_no_stalled_one() {
    let edge = launch(&["--client-stall", "0"], app(&[], &[parrot().await])).await;
    let stream = TcpStream::connect(edge.http).await.unwrap();
    let (mut socket, _) = deadline(LIMIT, client_async("ws://app.example.com/", stream)).await.unwrap().unwrap();
    let mut shut = client(&edge, 0).await;
    let page = deadline(LIMIT, shut.send_request(request("https://nobody.example.com/"))).await.unwrap().unwrap();
    deadline(LIMIT, page.into_body().frame()).await.unwrap().unwrap().unwrap_err();
    socket.send(Message::text("still there?")).await.unwrap();
    assert_eq!(deadline(LIMIT, socket.next()).await.unwrap().unwrap().unwrap(), Message::text("still there?"));
}

/// A window of 1,000 bytes, opened again as they are read: each piece takes many turns.
#[tokio::test]
async fn who_takes_little_at_a_time_gets_all() {
    let long = Bytes::from((0..1_000_000_u32).map(|n| b'a' + u8::try_from(n % 23).unwrap()).collect::<Vec<_>>());
    let said = long.clone();
    let lengthy = App::start(move |_| {
        let said = said.clone();
        async move { text(said) }
    })
    .await;
    let edge = Edge::start(app(&[], &[lengthy.address])).await;
    let mut sender = client(&edge, 1000).await;
    let answer = deadline(LIMIT, sender.send_request(request("https://app.example.com/"))).await.unwrap().unwrap();
    assert_eq!(answer.headers()["content-length"], "1000000");
    assert!(Seen::read(answer).await.text.as_bytes() == long);
    assert_eq!(edge.metric("stalled_total"), "deis_router_stalled_total 0");
}

#[tokio::test]
async fn a_client_of_http1_that_reads_nothing_is_given_up() {
    let lengthy = App::start(|_| async { text(vec![b'x'; 20_000_000]) }).await;
    let edge = launch(&["--client-stall", "0"], app(&[("maxConnections", "1")], &[lengthy.address])).await;
    let mut stream = TcpStream::connect(edge.http).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: app.example.com\r\n\r\n").await.unwrap();
    edge.until(|edge| edge.metric("stalled_total") == "deis_router_stalled_total 1").await;
    edge.until(|edge| edge.metric("connections") == "deis_router_connections 0").await;
    let heard = deadline(LIMIT, stream.read_to_end(&mut Vec::new())).await.unwrap();
    assert!(heard.map_or(true, |count| count < 20_000_000), "it is cut short");
}

/// Sends the head of a request with a body, then a byte of it whenever nothing has come back for a moment.
async fn trickle(edge: &Edge) -> String {
    let mut stream = TcpStream::connect(edge.http).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nhost: app.example.com\r\ncontent-length: 15\r\nconnection: close\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut answer = Vec::new();
    for _ in 0..15 {
        stream.write_all(b"x").await.unwrap();
        let mut read = async || while stream.read_buf(&mut answer).await.is_ok_and(|count| count > 0) {};
        if deadline(Duration::from_millis(200), read()).await.is_ok() {
            return String::from_utf8(answer).unwrap();
        }
    }
    drop(deadline(LIMIT, stream.read_to_end(&mut answer)).await.unwrap());
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_body_that_trickles_is_refused() {
    let echo = App::echo().await;
    let edge = launch(&["--client-stall", "1"], app(&[("maxConnections", "1")], &[echo.address])).await;
    let answer = trickle(&edge).await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout"), "{answer}");
    assert!(answer.contains("deis-error-code: request-too-slow") && answer.contains("connection: close"), "{answer}");
    assert!(answer.contains("The request's body came too slowly"), "{answer}");
    assert_eq!(edge.metric("slow_uploads_total"), "deis_router_slow_uploads_total 1");
    assert_eq!(edge.get("/").await.status, 200, "its place is free");
}

/// Longer than a body may take that nobody has answered yet.
#[tokio::test]
async fn a_conversation_may_take_its_time() {
    let parrot = App::start(|request| async move {
        let heard = request.into_body().into_data_stream();
        Response::new(http_body_util::BodyExt::boxed(StreamBody::new(heard.map(|bytes| bytes.map(Frame::data)))))
    })
    .await;
    let edge = launch(&["--client-stall", "1"], app(&[], &[parrot.address])).await;
    let answer = trickle(&edge).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.matches("\r\nx\r\n").count() == 15, "{answer}");
}

#[tokio::test]
async fn a_body_that_halts_is_refused() {
    let echo = App::echo().await;
    let edge = launch(&["--client-stall", "0"], app(&[], &[echo.address])).await;
    let head = b"POST / HTTP/1.1\r\nhost: app.example.com\r\ncontent-length: 5\r\n\r\n";
    let answer = edge.raw(head).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}
