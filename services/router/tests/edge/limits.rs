//! What one app may take: places at its pods, the router's connections, bytes and time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use deis_bootstrap::deadline;
use deis_router::table::ServiceKey;
use deis_router::table::facts::{Endpoint, Event, Service, Slice};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{App, Authority, Edge, LIMIT, app, pod, service, text};
use crate::upgrade::parrot;

/// An app that answers when it is let, and counts.
#[derive(Clone)]
pub(crate) struct Slow {
    pub(crate) let_go: Arc<Semaphore>,
    at_once: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Slow {
    pub(crate) async fn start() -> (Self, App) {
        let slow = Self { let_go: Arc::new(Semaphore::new(0)), at_once: Arc::default(), most: Arc::default() };
        let handle = slow.clone();
        let app = App::start(move |_| {
            let slow = slow.clone();
            async move {
                let now = slow.at_once.fetch_add(1, Ordering::SeqCst) + 1;
                slow.most.fetch_max(now, Ordering::SeqCst);
                slow.let_go.acquire().await.unwrap().forget();
                slow.at_once.fetch_sub(1, Ordering::SeqCst);
                text("done")
            }
        });
        (handle, app.await)
    }

    pub(crate) async fn until_busy(&self, edge: &Edge, count: usize) {
        edge.until(|_| self.at_once.load(Ordering::SeqCst) == count).await;
    }
}

pub(crate) async fn until_waiting(edge: &Edge, count: usize) {
    let line = format!("deis_router_waiting {count}");
    edge.until(|edge| edge.metric("waiting") == line).await;
}

/// A router with these options, and what serves the app.
pub(crate) async fn launch(options: &[&str], events: Vec<Event>) -> Edge {
    let edge = Edge::launch(options, Arc::new(tempfile::tempdir().unwrap()), Arc::new(Authority::new())).await;
    edge.health.heal();
    for event in events {
        edge.send(event).await;
    }
    edge.complete().await;
    edge
}

#[tokio::test]
async fn a_pod_has_no_more_connections_than_it_may_and_who_waits_is_served() {
    let (slow, pod) = Slow::start().await;
    let edge = Edge::start(app(&[("maxConnections", "2")], &[pod.address])).await;
    let requests = async { tokio::join!(edge.get("/1"), edge.get("/2"), edge.get("/3"), edge.get("/4")) };
    let release = async {
        slow.until_busy(&edge, 2).await;
        until_waiting(&edge, 2).await;
        slow.let_go.add_permits(4);
    };
    let ((one, two, three, four), ()) = tokio::join!(requests, release);
    assert_eq!([one, two, three, four].map(|seen| seen.status), [200; 4]);
    assert_eq!((slow.most.load(Ordering::SeqCst), pod.connections()), (2, 2));
    assert_eq!(edge.metric("waiting"), "deis_router_waiting 0");
    assert_eq!(edge.metric("busy_total"), "deis_router_busy_total 0");
}

#[tokio::test]
async fn who_waits_too_long_is_told_so() {
    let (slow, pod) = Slow::start().await;
    let edge = launch(&["--place-wait", "0"], app(&[("maxConnections", "1")], &[pod.address])).await;
    let refused = async {
        slow.until_busy(&edge, 1).await;
        let seen = edge.get("/").await;
        slow.let_go.add_permits(1);
        seen
    };
    let (served, refused) = tokio::join!(edge.get("/"), refused);
    assert_eq!(served.status, 200);
    assert_eq!((refused.status, refused.header("deis-error-code")), (503, "backend-busy"));
    assert_eq!((refused.header("retry-after"), refused.header("connection")), ("5", "close"));
    assert_eq!(served.header("connection"), "");
    assert!(refused.text.starts_with("This app has as many requests under way as it can take.\n"), "{}", refused.text);
    assert_eq!(edge.metric("busy_total"), "deis_router_busy_total 1");
}

/// Both the one who is served and the one who waits.
#[tokio::test]
async fn clients_that_leave_free_their_places() {
    let (slow, pod) = Slow::start().await;
    let edge = Edge::start(app(&[("maxConnections", "1")], &[pod.address])).await;
    let ask = async || {
        let mut stream = TcpStream::connect(edge.http).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: app.example.com\r\n\r\n").await.unwrap();
        stream
    };
    let served = ask().await;
    slow.until_busy(&edge, 1).await;
    let waiting = ask().await;
    until_waiting(&edge, 1).await;
    drop(waiting);
    until_waiting(&edge, 0).await;
    let release = async {
        until_waiting(&edge, 1).await;
        drop(served);
        // One may still be for the request that nobody waits for any more.
        slow.let_go.add_permits(2);
    };
    let (seen, ()) = tokio::join!(edge.get("/"), release);
    assert_eq!(seen.text, "done");
}

#[tokio::test]
async fn an_open_websocket_has_a_place() {
    let edge = Edge::start(app(&[("maxConnections", "1")], &[parrot().await])).await;
    let open = async || {
        let stream = TcpStream::connect(edge.http).await.unwrap();
        deadline(LIMIT, client_async("ws://app.example.com/", stream)).await.unwrap().unwrap().0
    };
    let first = open().await;
    let close = async {
        until_waiting(&edge, 1).await;
        drop(first);
    };
    let (mut second, ()) = tokio::join!(open(), close);
    second.send(Message::text("at last")).await.unwrap();
    assert_eq!(deadline(LIMIT, second.next()).await.unwrap().unwrap().unwrap(), Message::text("at last"));
}

#[tokio::test]
async fn who_waits_goes_to_a_pod_that_comes() {
    let (slow, old) = Slow::start().await;
    let edge = Edge::start(app(&[("maxConnections", "1")], &[old.address])).await;
    let new = App::saying("new").await;
    let come = async {
        slow.until_busy(&edge, 1).await;
        let scale = async {
            until_waiting(&edge, 1).await;
            edge.send(pod(new.address)).await;
        };
        let (seen, ()) = tokio::join!(edge.get("/"), scale);
        slow.let_go.add_permits(1);
        seen
    };
    let (served, came) = tokio::join!(edge.get("/"), come);
    assert_eq!((served.text.as_str(), came.text.as_str()), ("done", "new"));
}

/// Whatever becomes of other apps meanwhile.
#[tokio::test]
async fn who_waits_is_served_in_turn() {
    let (begun, turns) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Semaphore::new(0)));
    let (tell, let_go) = (Arc::clone(&begun), Arc::clone(&turns));
    let pod = App::start(move |request| {
        tell.lock().push(request.uri().path().to_owned());
        let let_go = Arc::clone(&let_go);
        async move {
            let_go.acquire().await.unwrap().forget();
            text("done")
        }
    })
    .await;
    let edge = Edge::start(app(&[("maxConnections", "1")], &[pod.address])).await;
    let asked = Semaphore::new(1);
    let ask = async |n: usize| {
        // Each when the one before has its place in the line.
        edge.until(|_| asked.available_permits() > n).await;
        edge.get(&format!("/{n}")).await
    };
    let proceed = async {
        edge.until(|_| begun.lock().len() == 1).await;
        for n in 1..5 {
            asked.add_permits(1);
            until_waiting(&edge, n).await;
        }
        for (served, event) in other(&pod).into_iter().enumerate() {
            edge.change(event).await;
            turns.add_permits(1);
            edge.until(|_| begun.lock().len() == served + 2).await;
        }
        turns.add_permits(3);
    };
    tokio::join!(ask(0), ask(1), ask(2), ask(3), ask(4), proceed);
    assert_eq!(*begun.lock(), ["/0", "/1", "/2", "/3", "/4"]);
}

/// The app "other", served by one pod.
fn other(pod: &App) -> [Event; 2] {
    let key = ServiceKey { namespace: "other".to_owned(), name: "other".to_owned() };
    let service = Service {
        key: key.clone(),
        created: 1,
        app: None,
        annotations: BTreeMap::from([("domains".to_owned(), "other".to_owned())]),
        port: String::new(),
        address: None,
    };
    let endpoints = vec![Endpoint { ip: pod.address.ip(), pod_uid: None }];
    let ports = BTreeMap::from([(String::new(), pod.address.port())]);
    [Event::Service(service), Event::Slice(Slice { name: "other".to_owned(), service: key, ports, endpoints })]
}

/// One app with all its requests, waiting ones included, has a quarter of the router's connections at most.
#[tokio::test]
async fn nobody_else_pays_for_a_slow_app() {
    let ((slow, pod), saying) = (Slow::start().await, App::saying("hello").await);
    let mut events = app(&[("maxConnections", "1")], &[pod.address]);
    events.extend(other(&saying));
    let edge = launch(&["--max-connections", "16"], events).await;
    let many = async { tokio::join!(edge.get("/1"), edge.get("/2"), edge.get("/3"), edge.get("/4")) };
    let meanwhile = async {
        until_waiting(&edge, 3).await;
        let fifth = edge.get("/5").await;
        let request = Request::get("/").header("host", "other.example.com").body(Full::default()).unwrap();
        let other = edge.ask(request).await;
        slow.let_go.add_permits(4);
        (fifth, other)
    };
    let ((one, two, three, four), (fifth, other)) = tokio::join!(many, meanwhile);
    assert_eq!([one, two, three, four].map(|seen| seen.status), [200; 4]);
    assert_eq!((fifth.status, fifth.header("deis-error-code")), (503, "backend-busy"));
    assert_eq!(other.text, "hello");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_announced_or_not() {
    let echo = App::echo().await;
    let edge = Edge::start(app(&[("bodySize", "1k")], &[echo.address])).await;
    let post = |length: usize| {
        let body = Full::from(Bytes::from(vec![b'x'; length]));
        Request::post("/").header("host", "app.example.com").body(body).unwrap()
    };
    let announced = edge.ask(post(1025)).await;
    assert_eq!((announced.status, announced.header("deis-error-code")), (413, "too-large"));
    assert_eq!(echo.connections(), 0, "no pod is bothered");
    assert!(edge.ask(post(1024)).await.text.ends_with(&"x".repeat(1024)));

    let chunked = |chunks: usize| {
        let chunk = format!("100\r\n{}\r\n", "x".repeat(256)).repeat(chunks);
        format!(
            "POST / HTTP/1.1\r\nhost: app.example.com\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{chunk}0\r\n\r\n"
        )
    };
    let within = edge.raw(chunked(4).as_bytes()).await;
    assert!(within.starts_with("HTTP/1.1 200"), "{within}");
    let beyond = edge.raw(chunked(5).as_bytes()).await;
    assert!(beyond.starts_with("HTTP/1.1 413") && beyond.contains("deis-error-code: too-large"), "{beyond}");

    edge.change(service(&[("bodySize", "0")])).await;
    assert_eq!(edge.ask(post(2_000_000)).await.status, 200);
}

#[tokio::test]
async fn an_answer_has_to_begin_in_time_and_may_take_longer() {
    let silent = App::start(|_| std::future::pending()).await;
    let edge = Edge::start(app(&[("requestTimeout", "50ms")], &[silent.address])).await;
    let seen = edge.get("/").await;
    assert_eq!((seen.status, seen.header("deis-error-code")), (504, "backend-timed-out"));

    let (begun, tell) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell_begun, told) = (Arc::clone(&begun), Arc::clone(&tell));
    let lengthy = App::start(move |_| {
        let (words, said) = mpsc::channel::<Result<Frame<Bytes>, hyper::Error>>(1);
        let (begun, told) = (Arc::clone(&tell_begun), Arc::clone(&told));
        deis_bootstrap::Context::new("app").tasks.spawn("words", async move {
            words.send(Ok(Frame::data("begun, ".into()))).await.unwrap();
            begun.notify_one();
            told.notified().await;
            words.send(Ok(Frame::data("done".into()))).await.unwrap();
        });
        async move { Response::new(BodyExt::boxed(StreamBody::new(ReceiverStream::new(said)))) }
    })
    .await;
    let edge = Edge::start(app(&[("requestTimeout", "1s")], &[lengthy.address])).await;
    let later = async {
        begun.notified().await;
        deadline(Duration::from_millis(1200), std::future::pending::<()>()).await.unwrap_err();
        tell.notify_one();
    };
    let (seen, ()) = tokio::join!(edge.get("/"), later);
    assert_eq!(seen.text, "begun, done");
}
