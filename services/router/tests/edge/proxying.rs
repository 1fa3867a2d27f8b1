//! Requests and answers on their way.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deis_bootstrap::{Context, deadline};
use futures_util::StreamExt as _;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use crate::support::{App, Edge, LIMIT, app, refusing};

#[tokio::test]
async fn an_app_learns_who_asked_and_nothing_that_was_made_up() {
    let echo = App::echo().await;
    let edge = Edge::start(app(&[], &[echo.address])).await;
    let request = Request::post("/path?query=1")
        .header("host", "App.Example.com:8080")
        .header("x-forwarded-for", "6.6.6.6")
        .header("x-forwarded-proto", "https")
        .header("x-request-id", "made-up")
        .header("x_forwarded_for", "6.6.6.6")
        .header("connection", "x-private")
        .header("x-private", "1")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .body(Full::from("hello"))
        .unwrap();
    let seen = edge.ask(request).await;
    let id = seen.header("x-request-id").to_owned();
    assert_eq!((seen.status, id.len()), (200, 32));
    let expected = format!(
        "POST /path?query=1\ncontent-length: 5\nhost: App.Example.com:8080\n\
         traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n\
         x-forwarded-for: 127.0.0.1\nx-forwarded-port: 80\nx-forwarded-proto: http\nx-request-id: {id}\n\nhello"
    );
    assert_eq!(seen.text, expected);
}

#[tokio::test]
async fn all_clients_share_the_connections_to_a_pod() {
    let echo = App::echo().await;
    let edge = Edge::start(app(&[], &[echo.address])).await;
    for _ in 0..20 {
        assert_eq!(edge.get("/").await.status, 200);
    }
    assert_eq!(echo.connections(), 1);
    assert!(edge.metric("requests_total{class=\"2xx\",routed=\"true\"}").ends_with(" 20"));
    // Any pod may read the metrics: they name no app.
    let metrics = edge.metrics();
    assert!(!metrics.contains("app.example.com") && !metrics.contains("\"app\""), "{metrics}");
}

#[tokio::test]
async fn bytes_flow_both_ways_as_they_come() {
    // The app repeats what it hears at once.
    let parrot = App::start(|request| async move {
        let heard = request.into_body().into_data_stream();
        let said = heard.map(|bytes| bytes.map(Frame::data));
        Response::new(BodyExt::boxed(StreamBody::new(said)))
    })
    .await;
    let edge = Edge::start(app(&[], &[parrot.address])).await;

    let stream = TcpStream::connect(edge.http).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    edge.context.tasks.spawn("client", connection);
    let (words, said) = mpsc::channel::<Result<Frame<Bytes>, std::convert::Infallible>>(1);
    let request = Request::post("/").header("host", "app.example.com").body(StreamBody::new(ReceiverStream::new(said)));
    let response = deadline(LIMIT, sender.send_request(request.unwrap())).await.unwrap().unwrap();
    let mut body = response.into_body();
    for word in ["one", "two", "three"] {
        // Each word is back before the next is said: nothing on the way waits for more.
        words.send(Ok(Frame::data(word.into()))).await.unwrap();
        let frame = deadline(LIMIT, body.frame()).await.unwrap().unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), word);
    }
    drop(words);
    assert!(deadline(LIMIT, body.frame()).await.unwrap().is_none());
}

#[tokio::test]
async fn the_client_is_told_to_go_on_only_when_somebody_reads() {
    let echo = App::echo().await;
    let edge = Edge::start(app(&[], &[echo.address])).await;
    let head = |host: &str| {
        format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-length: 5\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n"
        )
    };

    let mut stream = TcpStream::connect(edge.http).await.unwrap();
    stream.write_all(head("app.example.com").as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    deadline(LIMIT, stream.read_exact(&mut go_on)).await.unwrap().unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    let mut answer = String::new();
    deadline(LIMIT, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"), "{answer}");

    let refused = edge.raw(head("nobody.example.com").as_bytes()).await;
    assert!(refused.starts_with("HTTP/1.1 404 Not Found"), "{refused}");
}

#[tokio::test]
async fn a_pod_that_takes_nothing_is_passed_over() {
    let (echo, dead) = (App::echo().await, refusing().await);
    let edge = Edge::start(app(&[], &[dead, echo.address])).await;
    for n in 0..20 {
        let body = format!("body {n}");
        let request = Request::post("/").header("host", "app.example.com").body(Full::from(body.clone())).unwrap();
        let seen = edge.ask(request).await;
        assert_eq!(seen.status, 200);
        assert!(seen.text.ends_with(&body), "the body is whole after a second try: {}", seen.text);
    }
}

#[tokio::test]
async fn failures_of_an_app_have_codes() {
    let dead = refusing().await;
    let edge = Edge::start(app(&[], &[dead])).await;
    let seen = edge.get("/").await;
    assert_eq!((seen.status, seen.header("deis-error-code")), (502, "backend-failed"));

    let silent = App::start(|_| std::future::pending()).await;
    let edge = Edge::start(app(&[("tcpTimeout", "50ms")], &[silent.address])).await;
    let seen = edge.get("/").await;
    assert_eq!((seen.status, seen.header("deis-error-code")), (504, "backend-timed-out"));
}

/// An app that answers one request on each connection and closes it without saying so beforehand.
async fn rude() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    Context::new("app").tasks.spawn("rude", async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            if stream.read(&mut head).await.unwrap() > 0 {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            }
        }
    });
    address
}

#[tokio::test]
async fn a_connection_that_a_pod_closes_meanwhile_fails_no_request() {
    let edge = Edge::start(app(&[], &[rude().await])).await;
    for _ in 0..50 {
        let seen = edge.get("/").await;
        assert_eq!((seen.status, seen.text.as_str()), (200, "ok"));
    }
}

/// An app that gives up a connection in the moment in which the next request comes, and takes so long to answer one.
async fn unlucky(takes: Duration) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = Context::new("app").tasks;
    let serving = tasks.clone();
    tasks.spawn("unlucky", async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            serving.spawn("connection", async move {
                let mut head = [0; 1024];
                assert!(stream.read(&mut head).await.unwrap() > 0);
                deadline(takes, std::future::pending::<()>()).await.unwrap_err();
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
                let _lost = stream.read(&mut head).await.unwrap();
            });
        }
    });
    address
}

/// Longer than a connection is trusted.
const UNSURE: Duration = Duration::from_millis(250);

#[tokio::test]
async fn what_may_not_be_sent_twice_needs_a_connection_that_is_surely_open() {
    // The pod may have had nothing to do since it was asked, however long it took until the whole answer was here.
    for (takes, pause) in [(Duration::ZERO, UNSURE), (UNSURE, Duration::ZERO)] {
        let edge = Edge::start(app(&[], &[unlucky(takes).await])).await;
        for _ in 0..3 {
            let post = Request::post("/").header("host", "app.example.com").body(Full::from("once")).unwrap();
            assert_eq!(edge.ask(post).await.status, 200);
            deadline(pause, std::future::pending::<()>()).await.unwrap_err();
        }
    }
}

/// An app that refuses uploads without waiting for them, and reads on for the sake of peace.
async fn hasty() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = Context::new("app").tasks;
    let reading = tasks.clone();
    tasks.spawn("hasty", async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            reading.spawn("connection", async move {
                let (mut reader, mut writer) = stream.split();
                assert!(reader.read(&mut [0; 16]).await.unwrap() > 0);
                writer.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                drop(tokio::io::copy(&mut reader, &mut tokio::io::sink()).await);
            });
        }
    });
    address
}

#[tokio::test]
async fn an_answer_may_overtake_its_request() {
    let edge = Edge::start(app(&[], &[hasty().await])).await;
    for _ in 0..5 {
        let mut stream = TcpStream::connect(edge.http).await.unwrap();
        // The rest of the body never comes, so the connection to the app cannot be used again.
        let head = b"POST / HTTP/1.1\r\nhost: app.example.com\r\ncontent-length: 1000000\r\n\r\nthe beginning";
        stream.write_all(head).await.unwrap();
        let mut status = [0; 12];
        deadline(LIMIT, stream.read_exact(&mut status)).await.unwrap().unwrap();
        assert_eq!(&status, b"HTTP/1.1 413");
    }
}

#[tokio::test]
async fn an_app_is_told_when_its_client_is_gone() {
    let (arrived, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    struct OnDrop(Arc<Notify>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let (tell_arrived, tell_gone) = (Arc::clone(&arrived), Arc::clone(&gone));
    let patient = App::start(move |_| {
        let (arrived, on_drop) = (Arc::clone(&tell_arrived), OnDrop(Arc::clone(&tell_gone)));
        async move {
            arrived.notify_one();
            let _on_drop = on_drop;
            std::future::pending().await
        }
    })
    .await;
    let edge = Edge::start(app(&[], &[patient.address])).await;
    let mut stream = TcpStream::connect(edge.http).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: app.example.com\r\n\r\n").await.unwrap();
    deadline(LIMIT, arrived.notified()).await.unwrap();
    drop(stream);
    deadline(LIMIT, gone.notified()).await.unwrap();
}
