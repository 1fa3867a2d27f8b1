//! Pods that take no connections, that close them, and that leave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::{Context, deadline};
use deis_router::table::facts::Event;
use futures_util::future::join_all;
use http::Request;
use http_body_util::Full;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, mpsc};

use crate::limits::Slow;
use crate::support::{App, Edge, LIMIT, app, text};

/// An address that refuses connections until somebody listens.
fn deaf() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn hear(socket: TcpSocket) -> App {
    App::start_at(socket.listen(64).unwrap(), |_| async { text("back") })
}

async fn said(edge: &Edge, times: usize) -> Vec<(u16, String)> {
    let mut said = Vec::new();
    for _ in 0..times {
        let seen = edge.get("/").await;
        said.push((seen.status, seen.header("deis-error-code").to_owned()));
    }
    said.sort();
    said.dedup();
    said
}

/// It takes one request's word: nobody waits while a pod stands idle.
#[tokio::test]
async fn an_ejected_pod_is_tried_when_the_others_are_full() {
    let ((slow, pod), (socket, address)) = (Slow::start().await, deaf());
    let edge = Edge::start(app(&[("maxConnections", "1")], &[pod.address, address])).await;
    slow.let_go.add_permits(40);
    assert_eq!(said(&edge, 40).await, [(200, String::new())]);
    assert_eq!(number(&edge, "ejected_backends"), 1);
    let _back = hear(socket);
    let others = async {
        slow.until_busy(&edge, 1).await;
        let seen = edge.get("/").await;
        slow.let_go.add_permits(1);
        seen.text
    };
    let (served, other) = tokio::join!(edge.get("/"), others);
    // Either may have been the one that tried it.
    let mut texts = [served.text, other];
    texts.sort();
    assert_eq!(texts, ["back", "done"]);
    assert_eq!(number(&edge, "ejected_backends"), 0);
}

/// One pod refuses, the other has as much to do as it may: the second try waits for it.
#[tokio::test]
async fn a_request_that_a_pod_refuses_waits_for_another() {
    let ((slow, pod), (_socket, address)) = (Slow::start().await, deaf());
    let edge = Edge::start(app(&[("maxConnections", "1")], &[pod.address, address])).await;
    let others = async {
        slow.until_busy(&edge, 1).await;
        let release = async {
            edge.until(|edge| edge.metric("waiting") == "deis_router_waiting 8").await;
            slow.let_go.add_permits(9);
        };
        let (seen, ()) = tokio::join!(join_all((0..8).map(|_| edge.get("/"))), release);
        seen
    };
    let (served, waited) = tokio::join!(edge.get("/"), others);
    let answers = waited.into_iter().chain([served]).map(|seen| (seen.status, seen.text)).collect::<Vec<_>>();
    assert_eq!(answers, vec![(200, "done".to_owned()); 9]);
}

fn number(edge: &Edge, metric: &str) -> u64 {
    edge.metric(metric).rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap()
}

#[tokio::test]
async fn a_pod_that_refuses_is_passed_over_until_one_request_finds_it_back() {
    let ((socket, address), saying) = (deaf(), App::saying("hello").await);
    let edge = Edge::start(app(&[], &[address, saying.address])).await;
    assert_eq!(said(&edge, 40).await, [(200, String::new())]);
    assert_eq!((number(&edge, "ejections_total"), number(&edge, "ejected_backends")), (1, 1));
    let retries = number(&edge, "retries_total");
    assert_eq!(retries, 3, "as many as it takes to know");

    let _back = hear(socket);
    let found = async { while edge.get("/").await.text != "back" {} };
    deadline(LIMIT, found).await.unwrap();
    assert_eq!(number(&edge, "ejected_backends"), 0);
    assert_eq!(number(&edge, "retries_total"), retries, "it was left alone meanwhile");
}

#[tokio::test]
async fn when_all_refuse_all_are_tried() {
    let ((one, first), (_other, second)) = (deaf(), deaf());
    let edge = Edge::start(app(&[], &[first, second])).await;
    assert_eq!(said(&edge, 20).await, [(502, "backend-failed".to_owned())]);
    assert_eq!(number(&edge, "ejected_backends"), 2);

    let _back = hear(one);
    let found = async { while edge.get("/").await.text != "back" {} };
    deadline(LIMIT, found).await.unwrap();
    assert_eq!(said(&edge, 20).await, [(200, String::new())], "from then on it is the one");
}

/// It stays in the table, and a pod that takes its place is another one.
#[tokio::test]
async fn who_leaves_the_table_is_ejected_no_more() {
    let ((_socket, address), saying) = (deaf(), App::saying("hello").await);
    let edge = Edge::start(app(&[], &[address, saying.address])).await;
    said(&edge, 40).await;
    assert_eq!(number(&edge, "ejected_backends"), 1);
    edge.change(Event::SliceGone("app".to_owned(), format!("app-{}", address.port()))).await;
    assert_eq!(number(&edge, "ejected_backends"), 0);
    edge.change(crate::support::pod(address)).await;
    assert_eq!(number(&edge, "ejected_backends"), 0);
}

/// A dead app does not get twice its requests.
#[tokio::test]
async fn few_requests_are_tried_twice() {
    let dead = [deaf(), deaf(), deaf()];
    let edge = Edge::start(app(&[], &[dead[0].1, dead[1].1, dead[2].1])).await;
    assert_eq!(said(&edge, 150).await, [(502, "backend-failed".to_owned())]);
    let (retries, refused) = (number(&edge, "retries_total"), number(&edge, "retries_refused_total"));
    // A hundred, and one more for each time that one of the three was tried on purpose.
    assert!((100..=130).contains(&retries), "{retries} of 150");
    assert!((150..=180).contains(&(retries + refused)), "{retries} and {refused} of 150");
}

/// An app that closes each connection after its first answer, when it is told to; it tells what it hears.
async fn closing(close: Arc<Notify>, closed: Arc<Notify>) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, heard) = mpsc::channel(64);
    Context::new("app").tasks.spawn("closing", async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            request.truncate(length);
            tell.send(String::from_utf8(request).unwrap()).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            close.notified().await;
            drop(stream);
            closed.notify_one();
        }
    });
    (address, heard)
}

/// At once, so that the connection would be trusted by its age.
#[tokio::test]
async fn a_post_is_not_sent_on_a_connection_that_the_app_has_just_closed() {
    let (close, closed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (address, mut heard) = closing(Arc::clone(&close), Arc::clone(&closed)).await;
    let edge = Edge::start(app(&[], &[address])).await;
    for n in 0..20 {
        let post = Request::post("/").header("host", "app.example.com").body(Full::from(format!("body {n}"))).unwrap();
        let seen = edge.ask(post).await;
        assert_eq!((seen.status, seen.text.as_str()), (200, "ok"), "{n}");
        close.notify_one();
        deadline(LIMIT, closed.notified()).await.unwrap();
        let request = heard.recv().await.unwrap();
        assert!(request.starts_with("POST / ") && request.ends_with(&format!("body {n}")), "{request}");
    }
    assert!(heard.try_recv().is_err(), "nothing was sent twice");
}

/// What is sent and not answered is never sent again, whatever becomes of it, unless it may be.
#[tokio::test]
async fn a_request_that_was_sent_is_not_sent_again() {
    let (arrived, other) = (mpsc::channel(64), App::saying("other").await);
    let (tell, mut heard) = arrived;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    Context::new("app").tasks.spawn("broken", async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            if stream.read(&mut [0; 4096]).await.unwrap() > 0 {
                tell.send(()).await.unwrap();
            }
        }
    });
    let edge = Edge::start(app(&[], &[address, other.address])).await;
    let mut lost = 0;
    for _ in 0..20 {
        let seen = edge.get("/").await;
        lost += usize::from((seen.status, seen.header("deis-error-code")) == (502, "backend-failed"));
    }
    let received = std::iter::from_fn(|| heard.try_recv().ok()).count();
    assert!(lost > 0);
    assert_eq!((received, number(&edge, "retries_total")), (lost, 0));
}

/// Although another request keeps it busy.
#[tokio::test]
async fn idle_connections_to_a_pod_that_leaves_are_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let edge = Edge::start(app(&[], &[address])).await;
    let ask = async |path: &str| {
        let mut client = TcpStream::connect(edge.http).await.unwrap();
        client.write_all(format!("GET {path} HTTP/1.1\r\nhost: app.example.com\r\n\r\n").as_bytes()).await.unwrap();
        let (mut pod, _) = deadline(LIMIT, listener.accept()).await.unwrap().unwrap();
        assert!(deadline(LIMIT, pod.read(&mut [0; 4096])).await.unwrap().unwrap() > 0);
        (client, pod)
    };
    let ((mut busy_client, mut busy), (mut client, mut idle)) = (ask("/busy").await, ask("/").await);
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    idle.write_all(answer).await.unwrap();
    assert!(deadline(LIMIT, client.read(&mut [0; 1024])).await.unwrap().unwrap() > 0);
    edge.until(|edge| edge.metric("idle_connections") == "deis_router_idle_connections 1").await;

    edge.change(Event::SliceGone("app".to_owned(), format!("app-{}", address.port()))).await;
    assert_eq!(deadline(LIMIT, idle.read(&mut [0; 1])).await.unwrap().unwrap(), 0);
    edge.until(|edge| edge.metric("idle_connections") == "deis_router_idle_connections 0").await;
    busy.write_all(answer).await.unwrap();
    let mut last = vec![0; 1024];
    let length = deadline(LIMIT, busy_client.read(&mut last)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&last[..length]).starts_with("HTTP/1.1 200"));
    assert_eq!(deadline(LIMIT, busy.read(&mut [0; 1])).await.unwrap().unwrap(), 0, "closed when it is done");
}

/// One that is too old for this request does not stay beside the new one, where there may be one only.
#[tokio::test]
async fn an_idle_connection_makes_room() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let edge = Edge::start(app(&[("maxConnections", "1")], &[address])).await;
    let answer = async || {
        let (mut pod, _) = listener.accept().await.unwrap();
        assert!(pod.read(&mut [0; 4096]).await.unwrap() > 0);
        pod.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        pod
    };
    let (seen, mut first) = tokio::join!(edge.get("/"), answer());
    assert_eq!(seen.status, 200);
    // Longer than it is trusted.
    deadline(Duration::from_millis(250), std::future::pending::<()>()).await.unwrap_err();
    let post = Request::post("/").header("host", "app.example.com").body(Full::from("once")).unwrap();
    let (seen, _second) = tokio::join!(edge.ask(post), answer());
    assert_eq!(seen.status, 200);
    assert_eq!(deadline(LIMIT, first.read(&mut [0; 1])).await.unwrap().unwrap(), 0);
}
