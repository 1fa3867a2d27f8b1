//! Pods that are about to be deleted: no new request, and all the time that the old ones need.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deis_bootstrap::deadline;
use deis_kube::objects::Drain;
use deis_proto::router::{AwaitDrainRequest, AwaitDrainResponse};
use deis_router::table::facts::Event;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use crate::lifecycle::client;
use crate::rules::{branch, branch_pod};
use crate::support::{App, Edge, LIMIT, app, pod, service, text};
use crate::upgrade::parrot;

/// The Service with a drain of these pods.
fn drain(epoch: i64, pods: &[SocketAddr]) -> Event {
    let leaving = pods.iter().map(|pod| pod.port().to_string()).collect();
    service(&[("drain", &Drain { epoch, leaving }.to_string())])
}

async fn await_drain(edge: &Edge, epoch: i64, limit: Duration) -> AwaitDrainResponse {
    let request = AwaitDrainRequest { namespace: "app".to_owned(), service: "app".to_owned(), epoch };
    client(edge, "workflow").await_drain(deis_rpc::request(request, limit)).await.unwrap().into_inner()
}

/// What is said, over many requests.
async fn said(edge: &Edge) -> Vec<String> {
    said_at(edge, "/").await
}

async fn said_at(edge: &Edge, path: &str) -> Vec<String> {
    let mut said = Vec::new();
    for _ in 0..30 {
        said.push(edge.get(path).await.text);
    }
    said.sort();
    said.dedup();
    said
}

#[tokio::test]
async fn a_drained_pod_gets_no_new_request_and_ends_those_under_way() {
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell_arrived, wait_go_on) = (Arc::clone(&arrived), Arc::clone(&go_on));
    let leaving = App::start(move |request| {
        let (arrived, go_on) = (Arc::clone(&tell_arrived), Arc::clone(&wait_go_on));
        async move {
            if request.uri() == "/slow" {
                arrived.notify_one();
                go_on.notified().await;
            }
            text("leaving")
        }
    })
    .await;
    let edge = Arc::new(Edge::start(app(&[], &[leaving.address])).await);
    let slow = Arc::clone(&edge);
    let slow = edge.context.tasks.spawn("slow client", async move { slow.get("/slow").await.text });
    deadline(LIMIT, arrived.notified()).await.unwrap();

    let staying = App::saying("staying").await;
    edge.change(pod(staying.address)).await;
    edge.send(drain(7, &[leaving.address])).await;
    assert_eq!(await_drain(&edge, 7, LIMIT).await.epoch, 7);
    // From the moment that this is answered.
    assert_eq!(said(&edge).await, ["staying"]);
    go_on.notify_one();
    assert_eq!(deadline(LIMIT, slow).await.unwrap().unwrap(), "leaving");
}

/// A deploy says it of all pods of an app at its own Service, and waits for that one's epoch.
#[tokio::test]
async fn a_drained_pod_of_a_service_with_paths_gets_no_new_request_either() {
    let (web, leaving, staying) =
        (App::saying("web").await, App::saying("leaving").await, App::saying("staying").await);
    let edge = Edge::start(app(&[], &[web.address])).await;
    for event in [branch("/api", &[]), branch_pod(leaving.address), branch_pod(staying.address)] {
        edge.change(event).await;
    }
    assert_eq!(said_at(&edge, "/api").await, ["leaving", "staying"]);
    edge.send(drain(7, &[leaving.address])).await;
    assert_eq!(await_drain(&edge, 7, LIMIT).await.epoch, 7);
    // From the moment that this is answered.
    assert_eq!(said_at(&edge, "/api").await, ["staying"]);
    assert_eq!(said(&edge).await, ["web"]);
    edge.change(drain(8, &[leaving.address, staying.address])).await;
    assert_eq!(said_at(&edge, "/api").await, ["leaving", "staying"], "better than no answer");
    edge.change(drain(9, &[])).await;
    assert_eq!(said_at(&edge, "/api").await, ["leaving", "staying"]);
}

#[tokio::test]
async fn a_websocket_on_a_drained_pod_goes_on() {
    let leaving = parrot().await;
    let edge = Edge::start(app(&[], &[leaving])).await;
    let stream = TcpStream::connect(edge.http).await.unwrap();
    let (mut socket, _) = deadline(LIMIT, client_async("ws://app.example.com/", stream)).await.unwrap().unwrap();
    let staying = App::saying("staying").await;
    edge.change(pod(staying.address)).await;
    edge.change(drain(1, &[leaving])).await;
    assert_eq!(said(&edge).await, ["staying"]);
    socket.send(Message::text("still there?")).await.unwrap();
    assert_eq!(deadline(LIMIT, socket.next()).await.unwrap().unwrap().unwrap(), Message::text("still there?"));
}

#[tokio::test]
async fn when_all_are_drained_all_are_chosen_and_one_that_stays_after_all_is_back() {
    let (one, other) = (App::saying("one").await, App::saying("other").await);
    let edge = Edge::start(app(&[], &[one.address, other.address])).await;
    edge.change(drain(1, &[one.address, other.address])).await;
    assert_eq!(said(&edge).await, ["one", "other"]);
    edge.change(drain(2, &[one.address])).await;
    assert_eq!(said(&edge).await, ["other"]);
    edge.change(drain(3, &[])).await;
    assert_eq!(said(&edge).await, ["one", "other"]);
}

/// The pod that stays takes no connection: the request has not been sent, and one that leaves serves it.
#[tokio::test]
async fn a_drained_pod_is_better_than_no_answer() {
    let leaving = App::saying("leaving").await;
    let refusing = crate::support::refusing().await;
    let edge = Edge::start(app(&[], &[leaving.address, refusing])).await;
    edge.change(drain(1, &[leaving.address])).await;
    assert_eq!(said(&edge).await, ["leaving"]);
}

#[tokio::test]
async fn workflow_is_told_which_epoch_is_applied() {
    let saying = App::saying("hello").await;
    let edge = Edge::start(app(&[], &[saying.address])).await;
    let before = await_drain(&edge, 1, Duration::from_millis(300)).await;
    assert_eq!(before.epoch, 0, "late, and honest");

    let started = Instant::now();
    let (answer, ()) = tokio::join!(await_drain(&edge, 2, LIMIT), async {
        edge.send(drain(1, &[saying.address])).await;
        edge.send(drain(3, &[])).await;
    });
    assert_eq!((answer.epoch, answer.generation > before.generation), (3, true));
    assert!(started.elapsed() < LIMIT / 2, "told by the table, not by the clock");
    assert_eq!(await_drain(&edge, 2, LIMIT).await.epoch, 3, "a later one will do");

    let stranger = AwaitDrainRequest { namespace: "app".to_owned(), service: "app".to_owned(), epoch: 0 };
    let refused = client(&edge, "builder").await_drain(stranger).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
}

#[tokio::test]
async fn a_drain_that_cannot_be_read_is_as_none() {
    let (one, other) = (App::saying("one").await, App::saying("other").await);
    let edge = Edge::start(app(&[], &[one.address, other.address])).await;
    edge.change(drain(4, &[one.address])).await;
    edge.change(service(&[("drain", &one.address.port().to_string())])).await;
    assert_eq!(said(&edge).await, ["one", "other"]);
    assert_eq!(await_drain(&edge, 0, LIMIT).await.epoch, 0);
}
