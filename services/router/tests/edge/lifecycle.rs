//! Start, end, bad times, and what other services are told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use deis_proto::router::router_service_client::RouterServiceClient;
use deis_proto::router::{AwaitBackendsRequest, GetStatusRequest, GetStatusResponse};
use deis_router::table::facts::Event;
use deis_rpc::Identity;

use crate::rules::{branch, branch_pod};
use crate::support::{App, Authority, Edge, LIMIT, app, pod, service};

/// The Service with an address of its own.
fn service_at(address: SocketAddr) -> Event {
    match service(&[]) {
        Event::Service(mut service) => {
            service.address = Some(address);
            Event::Service(service)
        }
        event => event,
    }
}

pub(crate) fn client(edge: &Edge, name: &str) -> RouterServiceClient<deis_rpc::Client> {
    let folder = edge.folder.path().join(name);
    edge.authority.write(name, &folder);
    let identity = Identity::load(folder).unwrap();
    RouterServiceClient::new(deis_rpc::connect("router", format!("https://{}", edge.grpc).parse().unwrap(), &identity))
}

async fn status(edge: &Edge) -> GetStatusResponse {
    client(edge, "operator").get_status(GetStatusRequest {}).await.unwrap().into_inner()
}

fn wait_for(pods: &[&str], limit: Duration) -> tonic::Request<AwaitBackendsRequest> {
    let pod_uids = pods.iter().map(|uid| (*uid).to_owned()).collect();
    deis_rpc::request(AwaitBackendsRequest { namespace: "app".to_owned(), service: "app".to_owned(), pod_uids }, limit)
}

#[tokio::test]
async fn workflow_waits_for_pods_to_be_served() {
    let saying = App::saying("hello").await;
    let edge = Edge::start([service(&[])]).await;
    let mut workflow = client(&edge, "workflow");
    let uid = saying.address.port().to_string();

    let late = workflow.await_backends(wait_for(&[&uid], Duration::from_millis(300))).await.unwrap().into_inner();
    assert_eq!(late.missing, [uid.as_str()]);

    let mut waiting = workflow.clone();
    let wait = waiting.await_backends(wait_for(&[&uid], LIMIT));
    let (answer, ()) = tokio::join!(wait, edge.send(pod(saying.address)));
    let answer = answer.unwrap().into_inner();
    assert_eq!((answer.missing.len(), answer.generation > late.generation), (0, true));
    assert_eq!(edge.get("/").await.text, "hello");

    let refused = client(&edge, "builder").await_backends(wait_for(&[], LIMIT)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
}

/// A deploy waits for all pods of an app by its own Service.
#[tokio::test]
async fn workflow_waits_for_pods_of_a_service_with_paths_too() {
    let (web, api) = (App::saying("web").await, App::saying("api").await);
    let edge = Edge::start(app(&[], &[web.address])).await;
    let mut workflow = client(&edge, "workflow");
    let uids = [web.address, api.address].map(|address| address.port().to_string());
    let uids = uids.each_ref().map(String::as_str);

    // Another Service's pods are none of the app's before that Service has paths of it.
    edge.send(branch_pod(api.address)).await;
    let late = workflow.await_backends(wait_for(&uids, Duration::from_millis(300))).await.unwrap().into_inner();
    assert_eq!(late.missing, [uids[1]]);

    let mut waiting = workflow.clone();
    let (answer, ()) = tokio::join!(waiting.await_backends(wait_for(&uids, LIMIT)), edge.send(branch("/api", &[])));
    assert_eq!(answer.unwrap().into_inner().missing, Vec::<String>::new());
    assert_eq!(edge.get("/api").await.text, "api");
}

#[tokio::test]
async fn operators_see_the_table() {
    let saying = App::saying("hello").await;
    let edge = Edge::start(app(&[], &[saying.address])).await;
    edge.get("/").await;
    let status = status(&edge).await;
    assert_eq!((status.routes, status.hosts, status.backends, status.requests), (1, 1, 1, 1));
    assert_eq!((status.source.as_str(), status.stale_millis), ("watch", 0));
}

#[tokio::test]
async fn pod_addresses_are_not_trusted_when_kubernetes_is_silent() {
    let (pods, service) = (App::saying("pod").await, App::saying("service").await);
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let edge = Edge::launch(&["--stale-after", "0"], folder, Arc::new(Authority::new())).await;
    edge.send(service_at(service.address)).await;
    edge.send(pod(pods.address)).await;
    edge.health.heal();
    edge.complete().await;
    assert_eq!(edge.get("/").await.text, "pod");
    edge.health.fail();
    assert_eq!(edge.get("/").await.text, "service");
    edge.health.heal();
    assert_eq!(edge.get("/").await.text, "pod");
}

#[tokio::test]
async fn a_router_starts_without_kubernetes_from_what_it_knew() {
    let (pods, service) = (App::saying("pod").await, App::saying("service").await);
    let edge = Edge::start([service_at(service.address), pod(pods.address)]).await;
    let (folder, authority) = (Arc::clone(&edge.folder), Arc::clone(&edge.authority));
    edge.stop().await;

    let edge = Edge::launch(&[], folder, authority).await;
    // Nothing is heard from any watch, and yet it is ready and serves.
    assert_eq!(edge.get("/").await.text, "service");
    assert!(edge.context.readiness.is_ready());
    assert_eq!(status(&edge).await.source, "disk");

    // What is true again replaces what was remembered, as one.
    edge.health.heal();
    edge.send(Event::Complete(deis_router::table::facts::Watch::Services)).await;
    assert_eq!(edge.get("/").await.status, 200, "half a list is not taken for the whole");
    edge.complete_changed().await;
    assert_eq!(edge.get("/").await.status, 404);
    assert_eq!(status(&edge).await.source, "watch");
}

#[tokio::test]
async fn nothing_is_ready_before_the_first_lists() {
    let edge = Edge::launch(&[], Arc::new(tempfile::tempdir().unwrap()), Arc::new(Authority::new())).await;
    edge.send(service(&[])).await;
    assert_eq!(edge.get("/").await.status, 404);
    assert_eq!(edge.context.readiness.waiting_for(), ["the first lists of the watches"]);
    edge.complete().await;
    assert_eq!(edge.get("/").await.status, 503);
}
