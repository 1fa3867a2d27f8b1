use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use kube::client::Body;
use parking_lot::Mutex;

use super::*;

/// A cluster that keeps two controllers, one of whose pods never ends, and fails at some changes.
#[derive(Clone, Default)]
struct Cluster {
    /// The changes that were asked for: of what, and how.
    changes: Arc<Mutex<Vec<(String, Value)>>>,
    /// How many controllers there are to be.
    controllers: Arc<Mutex<Option<i64>>>,
    /// Whose changes fail, each once.
    failing: Arc<Mutex<Vec<&'static str>>>,
}

impl Cluster {
    fn workloads(&self) -> Workloads {
        let cluster = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let cluster = cluster.clone();
            async move {
                let (parts, body) = request.into_parts();
                let asked = body.collect_bytes().await?;
                let response = Response::builder();
                if parts.uri.query().is_some_and(|query| query.contains("watch=true")) {
                    let silent = stream::pending::<Result<Frame<Bytes>, std::convert::Infallible>>();
                    return Ok(response.body(StreamBody::new(silent).boxed_unsync())?);
                }
                let name = parts.uri.path().rsplit('/').next().unwrap_or_default();
                let (status, answer) = cluster.answer(&parts.method, name, &asked);
                Ok::<Response<UnsyncBoxBody<Bytes, _>>, Box<dyn std::error::Error + Send + Sync>>(
                    response.status(status).body(Full::from(answer.to_string()).boxed_unsync())?,
                )
            }
        });
        Workloads {
            client: Client::new(service, "deis"),
            namespace: "deis".to_owned(),
            limit: Duration::from_millis(50),
        }
    }

    fn answer(&self, method: &Method, name: &str, asked: &[u8]) -> (u16, Value) {
        if name == "pods" {
            let pod = json!({ "metadata": { "name": "deis-workflow-a", "uid": "1" } });
            return (
                200,
                json!({ "kind": "PodList", "apiVersion": "v1", "metadata": { "resourceVersion": "1" }, "items": [pod] }),
            );
        }
        let mut controllers = self.controllers.lock();
        if name == "deployments" {
            let list = json!({ "kind": "DeploymentList", "apiVersion": "apps/v1", "metadata": { "resourceVersion": "1" }, "items": [] });
            return (200, list);
        }
        if method == Method::PATCH {
            let change: Value = serde_json::from_slice(asked).unwrap();
            self.changes.lock().push((name.to_owned(), change.clone()));
            let mut failing = self.failing.lock();
            if let Some(fails) = failing.iter().position(|fails| *fails == name && change["spec"]["replicas"] != 0) {
                failing.remove(fails);
                let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "etcd is away",
                                     "reason": "InternalError", "code": 500 });
                return (500, status);
            }
            *controllers = change["spec"]["replicas"].as_i64().or(*controllers);
        }
        let stopped = (*controllers == Some(0)).then(|| json!({ STOPPED: "2" }));
        let spec = json!({ "replicas": controllers.unwrap_or(2), "selector": {}, "template": {}, "serviceName": "" });
        (200, json!({ "metadata": { "name": name, "annotations": stopped }, "spec": spec }))
    }
}

#[tokio::test]
async fn controllers_that_do_not_end_are_started_again() {
    let cluster = Cluster::default();
    let workloads = cluster.workloads();
    let stays = workloads.stop_controller().await.unwrap_err();
    assert!(matches!(&stays, WorkloadError::Stays(what, _) if what == "pod deis-workflow-a"), "{stays}");
    // The cluster does not take it at once.
    cluster.failing.lock().extend([CONTROLLER; 2]);
    workloads.start_controller().await.unwrap();
    let changes = cluster.changes.lock();
    let replicas = changes.iter().map(|(_, change)| change["spec"]["replicas"].clone()).collect::<Vec<_>>();
    assert_eq!(replicas, [0, 2, 2, 2]);
    let marks = changes.iter().map(|(_, change)| change["metadata"]["annotations"][STOPPED].clone());
    assert_eq!(marks.collect::<Vec<_>>(), [json!("2"), Value::Null, Value::Null, Value::Null]);
}

#[tokio::test]
async fn one_service_that_cannot_be_restarted_keeps_no_other() {
    let cluster = Cluster::default();
    cluster.failing.lock().push("deis-builder");
    let failed = cluster.workloads().restart_others().await.unwrap_err();
    assert_eq!(failed.to_string(), "cannot restart component builder");
    let changed = cluster.changes.lock().iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(changed, others().map(Component::object_name).collect::<Vec<_>>());
    assert!(changed.iter().any(|name| name == "deis-state") && !changed.iter().any(|name| name == CONTROLLER));
}

#[tokio::test]
async fn what_does_not_start_is_told() {
    let late = Cluster::default().workloads().controller_is_up().await.unwrap_err();
    assert!(matches!(&late, WorkloadError::NotReady(what, _) if what == CONTROLLER), "{late}");
}
