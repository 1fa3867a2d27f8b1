//! As much of Kubernetes as a builder sees: pods that are created, listed, watched and deleted. They do what a test wants.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use deis_bootstrap::Tasks;
use deis_builder::ports::{Job, Runner as _, Running};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::common::{Behaviour, Builder, FakeRunner, Seen};

type Name = (String, String);

struct Pod {
    object: Value,
    running: Box<dyn Running>,
}

pub(super) struct Kubernetes {
    pods: Mutex<HashMap<Name, Pod>>,
    count: watch::Sender<usize>,
    behaviours: Mutex<HashMap<String, Behaviour>>,
    /// The last pod of each app.
    runners: Mutex<HashMap<String, FakeRunner>>,
    /// How often somebody has looked at all pods.
    looks: watch::Sender<usize>,
    tasks: Tasks,
}

impl Kubernetes {
    /// Serves, and writes a `kubeconfig` that says where.
    pub(super) async fn start(clients: &Builder) -> Arc<Self> {
        let kubernetes = Arc::new(Self {
            pods: Mutex::default(),
            count: watch::channel(0).0,
            behaviours: Mutex::default(),
            runners: Mutex::default(),
            looks: watch::channel(0).0,
            tasks: clients.context.tasks.clone(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "test", "cluster": { "server": server } }],
            "users": [{ "name": "test", "user": {} }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
            "current-context": "test",
        });
        std::fs::write(clients.root.path().join("kubeconfig"), kubeconfig.to_string()).unwrap();
        let router = Router::new()
            .route("/api/v1/pods", get(all))
            .route("/api/v1/namespaces/{namespace}/pods", get(some).post(create))
            .route("/api/v1/namespaces/{namespace}/pods/{name}", delete(remove))
            .with_state(Arc::clone(&kubernetes));
        let over = clients.context.shutdown.clone().cancelled_owned();
        let server = axum::serve(listener, router).with_graceful_shutdown(over);
        drop(clients.context.tasks.spawn("fake kubernetes", async move { server.await.unwrap() }));
        kubernetes
    }

    pub(super) fn behave_for(&self, app: &str, behaviour: Behaviour) {
        self.behaviours.lock().insert(app.to_owned(), behaviour);
    }

    /// What the app's last pod has seen.
    pub(super) fn seen(&self, app: &str) -> Seen {
        self.runners.lock()[app].seen()
    }

    /// Waits until there are so many pods.
    pub(super) async fn has(&self, pods: usize) {
        self.count.subscribe().wait_for(|count| *count == pods).await.unwrap();
    }

    /// Waits until somebody has looked at all pods so many times.
    pub(super) async fn looked_at(&self, times: usize) {
        self.looks.subscribe().wait_for(|looks| *looks >= times).await.unwrap();
    }

    /// Waits until there is no pod.
    pub(super) async fn empty(&self) {
        self.has(0).await;
    }

    fn list(&self, is_wanted: impl Fn(&Name) -> bool) -> Response {
        let pods = self.pods.lock();
        let items = pods.iter().filter(|(name, _)| is_wanted(name)).map(|(_, pod)| &pod.object).collect::<Vec<_>>();
        let list =
            json!({ "kind": "PodList", "apiVersion": "v1", "metadata": { "resourceVersion": "1" }, "items": items });
        Json(list).into_response()
    }

    fn count(&self) {
        let count = self.pods.lock().len();
        self.count.send_replace(count);
    }
}

async fn all(State(kubernetes): State<Arc<Kubernetes>>) -> Response {
    kubernetes.looks.send_modify(|looks| *looks += 1);
    kubernetes.list(|_| true)
}

async fn some(
    State(kubernetes): State<Arc<Kubernetes>>,
    Path(namespace): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    if query.unwrap_or_default().contains("watch=") {
        // Nothing changes by itself.
        return Body::from_stream(futures_util::stream::pending::<std::io::Result<Vec<u8>>>()).into_response();
    }
    kubernetes.list(|(other, _)| *other == namespace)
}

async fn create(
    State(kubernetes): State<Arc<Kubernetes>>,
    Path(namespace): Path<String>,
    Json(mut object): Json<Value>,
) -> Response {
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    object["metadata"]["resourceVersion"] = "1".into();
    object["metadata"]["uid"] = name.clone().into();
    let variable = |name: &str| {
        let variables = object["spec"]["containers"][0]["env"].as_array().unwrap();
        variables.iter().find(|variable| variable["name"] == name).unwrap()["value"].as_str().unwrap().to_owned()
    };
    let address = variable("DEIS_BUILDER_ADDRESS").parse().unwrap();
    let runner = FakeRunner::new(address, variable("DEIS_CA"), kubernetes.tasks.clone());
    if let Some(behaviour) = kubernetes.behaviours.lock().get(&namespace) {
        runner.behave(behaviour.clone());
    }
    let job = Job {
        app: namespace.parse().unwrap(),
        sha: "0".repeat(40).parse().unwrap(),
        token: variable("DEIS_BUILD_TOKEN").into(),
    };
    let running = runner.start(job).await.unwrap();
    kubernetes.runners.lock().insert(namespace.clone(), runner);
    kubernetes.pods.lock().insert((namespace, name), Pod { object: object.clone(), running });
    kubernetes.count();
    Json(object).into_response()
}

async fn remove(State(kubernetes): State<Arc<Kubernetes>>, Path(name): Path<Name>) -> Response {
    let pod = kubernetes.pods.lock().remove(&name);
    if let Some(mut pod) = pod {
        pod.running.remove().await;
    }
    kubernetes.count();
    Json(json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" })).into_response()
}
