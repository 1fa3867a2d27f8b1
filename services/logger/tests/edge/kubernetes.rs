//! As much of the Kubernetes API as an agent asks for: lists and watches of pods and namespaces, by label.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse as _;
use axum::{Json, Router, routing};
use deis_bootstrap::{Context, deadline};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The node whose pods are asked for.
pub(crate) const NODE: &str = "node-1";

/// What has happened: each event with the kind of its object, in the order of resource versions, which begin at 1.
type Events = Arc<Vec<(&'static str, Value)>>;

pub(crate) struct Kubernetes {
    events: Arc<watch::Sender<Events>>,
    address: SocketAddr,
}

impl Kubernetes {
    pub(crate) async fn start(context: &Context) -> Self {
        let events = Arc::new(watch::channel(Events::default()).0);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/api/v1/{kind}", routing::get(get)).with_state(Arc::clone(&events));
        let end = context.shutdown.clone();
        context.tasks.spawn("Kubernetes", async move {
            axum::serve(listener, router).with_graceful_shutdown(end.cancelled_owned()).await.unwrap();
        });
        Self { events, address }
    }

    /// A kubeconfig, as its file's contents.
    pub(crate) fn config(&self) -> String {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": format!("http://{}", self.address)}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "users": [{"name": "test", "user": {}}],
        });
        config.to_string()
    }

    /// A namespace with these labels.
    pub(crate) fn namespace(&self, name: &str, labels: Value) {
        self.tell("namespaces", "ADDED", json!({"name": name, "uid": name, "labels": labels}));
    }

    /// A pod of this node with these labels; its uid is `uid-of-{pod}`.
    pub(crate) fn pod(&self, namespace: &str, name: &str, labels: Value) {
        self.tell("pods", "ADDED", pod(namespace, name, &labels));
    }

    pub(crate) fn delete_pod(&self, namespace: &str, name: &str, labels: Value) {
        self.tell("pods", "DELETED", pod(namespace, name, &labels));
    }

    fn tell(&self, kind: &'static str, event: &str, mut meta: Value) {
        self.events.send_modify(|events| {
            let mut all = events.as_ref().clone();
            meta["resourceVersion"] = (all.len() + 1).to_string().into();
            all.push((kind, json!({"type": event, "object": {"apiVersion": "v1", "metadata": meta}})));
            *events = Arc::new(all);
        });
    }
}

fn pod(namespace: &str, name: &str, labels: &Value) -> Value {
    json!({"namespace": namespace, "name": name, "uid": format!("uid-of-{name}"), "labels": labels})
}

async fn get(
    State(events): State<Arc<watch::Sender<Events>>>,
    Path(kind): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> axum::response::Response {
    assert_eq!(query["labelSelector"], "heritage=deis");
    if kind == "pods" {
        assert_eq!(query["fieldSelector"], format!("spec.nodeName={NODE}"));
    }
    if query.get("watch").is_some_and(|watch| watch == "true") {
        let after = query["resourceVersion"].parse::<usize>().unwrap();
        let seconds = query["timeoutSeconds"].parse().unwrap();
        return watch_events(events.subscribe(), kind, after, Duration::from_secs(seconds));
    }
    let all = Arc::clone(&events.borrow());
    let mut objects = HashMap::new();
    for event in all.iter().filter(|event| is_selected(event, &kind)).map(|(_, event)| event) {
        let uid = event["object"]["metadata"]["uid"].as_str().unwrap().to_owned();
        match event["type"].as_str() {
            Some("DELETED") => drop(objects.remove(&uid)),
            _ => drop(objects.insert(uid, event["object"].clone())),
        }
    }
    let items: Vec<_> = objects.into_values().collect();
    let kind = if kind == "pods" { "PodList" } else { "NamespaceList" };
    let meta = json!({"resourceVersion": all.len().to_string()});
    Json(json!({"apiVersion": "v1", "kind": kind, "metadata": meta, "items": items})).into_response()
}

fn watch_events(
    events: watch::Receiver<Events>,
    kind: String,
    after: usize,
    limit: Duration,
) -> axum::response::Response {
    let lines = stream::unfold((events, after), move |(mut events, after)| {
        let kind = kind.clone();
        async move {
            let all = deadline(limit, events.wait_for(|all| all.len() > after)).await.ok()?.ok()?.clone();
            let new = all.iter().skip(after).filter(|event| is_selected(event, &kind));
            let lines: String = new.map(|(_, event)| format!("{event}\n")).collect();
            Some((Ok::<_, Infallible>(Bytes::from(lines)), (events, all.len())))
        }
    });
    Body::from_stream(lines).into_response()
}

fn is_selected((kind, event): &(&'static str, Value), wanted: &str) -> bool {
    *kind == wanted && event["object"]["metadata"]["labels"]["heritage"] == "deis"
}
