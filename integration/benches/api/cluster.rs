//! What there is in Kubernetes of apps that run: of each its Service and the controller of its web process as workflow makes them, and
//! the pod of that as the kubelet tells of it. The controllers of their workers are left out: the cluster is large enough.

use axum::http::Method;
use deis_api::{AppName, Hostname, ProcType, ReleaseVersion};
use deis_kube::objects::{Amount, Process, Routing, Serves, Start, controller, service};
use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::{Value, json};

use crate::kubernetes::ApiServer;

/// How many objects are made at a time.
const AT_ONCE: usize = 24;
/// The release that the apps have in the ledger.
const RELEASE: &str = "v5";

pub(crate) async fn fill(api: &ApiServer, apps: usize) {
    let all = stream::iter(0..apps).map(|number| make(api, number));
    all.buffer_unordered(AT_ONCE).collect::<()>().await;
}

async fn make(api: &ApiServer, number: usize) {
    let app = format!("app-{number:05}").parse::<AppName>().unwrap();
    let (web, version) = ("web".parse::<ProcType>().unwrap(), RELEASE.parse::<ReleaseVersion>().unwrap());
    let post = async |kind: &str, object: Value| {
        let made = api.send(Method::POST, &format!("/api/v1/namespaces/{app}/{kind}"), Some(object)).await.unwrap();
        serde_json::from_str::<Value>(&made).unwrap()
    };
    let routing = Routing { domains: [Hostname::from(&app)].into(), ..Routing::default() };
    drop(post("services", serde_json::to_value(service(&app, &routing)).unwrap()).await);

    let mut controller = controller(&Process {
        app: &app,
        version,
        proc_type: &web,
        image: &format!("127.0.0.1:5555/{app}@sha256:{number:064}"),
        start: Start::Launcher,
        port: Some(5000),
        serves: Serves::App,
        patience_seconds: 120,
        grace_seconds: 30,
        memory: Amount::default(),
        cpu: Amount::default(),
        tags: &[].into(),
        liveness: None,
        readiness: None,
        post_start: None,
        pre_stop: None,
        knows_its_address: false,
    });
    let spec = controller.spec.as_mut().unwrap();
    spec.replicas = Some(1);
    let template = spec.template.clone().unwrap();
    let made = post("replicationcontrollers", serde_json::to_value(&controller).unwrap()).await;
    let name = controller.metadata.name.unwrap();
    let owner = OwnerReference {
        api_version: "v1".to_owned(),
        kind: "ReplicationController".to_owned(),
        name: name.clone(),
        uid: made["metadata"]["uid"].as_str().unwrap().to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    };
    let pod = Pod {
        metadata: ObjectMeta {
            name: Some(format!("{name}-x7k2p")),
            labels: template.metadata.unwrap().labels,
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: template.spec,
        ..Pod::default()
    };
    drop(post("pods", serde_json::to_value(pod).unwrap()).await);
    let status = format!("/api/v1/namespaces/{app}/pods/{name}-x7k2p/status");
    drop(api.send(Method::PATCH, &status, Some(running(&app))).await.unwrap());
}

/// As the kubelet tells of a pod that serves.
fn running(app: &AppName) -> Value {
    let at = "2026-01-01T00:00:00Z";
    let conditions = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
    let conditions = conditions.map(|kind| json!({ "type": kind, "status": "True", "lastTransitionTime": at }));
    json!({
        "status": {
            "phase": "Running", "startTime": at, "qosClass": "Burstable",
            "hostIP": "198.18.0.1", "hostIPs": [{ "ip": "198.18.0.1" }],
            "podIP": "198.18.0.30", "podIPs": [{ "ip": "198.18.0.30" }],
            "conditions": conditions,
            "containerStatuses": [{
                "name": "web", "ready": true, "started": true, "restartCount": 0,
                "image": format!("127.0.0.1:5555/{app}"), "imageID": format!("127.0.0.1:5555/{app}@sha256:{:064}", 0),
                "containerID": format!("containerd://{:064}", 0),
                "state": { "running": { "startedAt": at } },
            }],
        },
    })
}
