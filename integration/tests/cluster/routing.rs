//! The router on the real node: what is made with kubectl is served as well as what the platform makes.

use std::collections::BTreeMap;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use k8s_openapi::api::core::v1::{Namespace, Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use tokio::net::TcpListener;

use crate::support::{MACHINE, Platform, ask, until_answers};

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
async fn a_service_made_by_hand_is_served() {
    let platform = Platform::connect().await;
    let listener = TcpListener::bind((MACHINE, 0)).await.unwrap();
    let port = i32::from(listener.local_addr().unwrap().port());
    let echo = |headers: HeaderMap| async move {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned();
        format!("{} {} {}", header("host"), header("x-forwarded-proto"), header("x-forwarded-port"))
    };
    let server = tokio::spawn(async move { axum::serve(listener, Router::new().route("/", get(echo))).await });

    let namespaces: Api<Namespace> = Api::all(platform.client.clone());
    let metadata = ObjectMeta { generate_name: Some("by-hand-".to_owned()), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    let namespace = namespaces.create(&PostParams::default(), &namespace).await.unwrap().metadata.name.unwrap();
    let host = format!("{namespace}.{}", platform.domain);
    let url = format!("http://{host}/");
    assert_eq!(ask(&url).await, (Some(404), Some("unknown-host".to_owned())));

    let service = service(&namespace);
    platform.objects::<Service>(&namespace).create(&PostParams::default(), &service).await.unwrap();
    until_answers(&url, 503).await;
    assert_eq!(ask(&url).await, (Some(503), Some("no-backend".to_owned())));

    let slice = endpoints(port);
    platform.objects::<EndpointSlice>(&namespace).create(&PostParams::default(), &slice).await.unwrap();
    until_answers(&url, 200).await;
    let answer = reqwest::get(&url).await.unwrap().text().await.unwrap();
    assert_eq!(answer, format!("{host} http 80"));

    namespaces.delete(&namespace, &DeleteParams::default()).await.unwrap();
    until_answers(&url, 404).await;
    server.abort();
}

pub(crate) fn service(namespace: &str) -> Service {
    let port = ServicePort { name: Some("http".to_owned()), port: 80, ..ServicePort::default() };
    Service {
        metadata: ObjectMeta {
            name: Some("by-hand".to_owned()),
            labels: Some(BTreeMap::from([("router.deis.io/routable".to_owned(), "true".to_owned())])),
            annotations: Some(BTreeMap::from([("router.deis.io/domains".to_owned(), namespace.to_owned())])),
            ..ObjectMeta::default()
        },
        spec: Some(ServiceSpec { ports: Some(vec![port]), ..ServiceSpec::default() }),
        ..Service::default()
    }
}

pub(crate) fn endpoints(port: i32) -> EndpointSlice {
    EndpointSlice {
        metadata: ObjectMeta {
            name: Some("by-hand-1".to_owned()),
            // Kubernetes copies a Service's labels to the slices that it makes itself.
            labels: Some(BTreeMap::from([
                ("kubernetes.io/service-name".to_owned(), "by-hand".to_owned()),
                ("router.deis.io/routable".to_owned(), "true".to_owned()),
            ])),
            ..ObjectMeta::default()
        },
        address_type: "IPv4".to_owned(),
        endpoints: vec![Endpoint { addresses: vec![MACHINE.to_owned()], ..Endpoint::default() }],
        ports: Some(vec![EndpointPort { name: Some("http".to_owned()), port: Some(port), ..EndpointPort::default() }]),
    }
}
