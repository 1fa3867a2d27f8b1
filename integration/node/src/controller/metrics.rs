//! The metrics API (`metrics.k8s.io`), which metrics-server serves beside the API server and not in a pod: the Service has no selector, and
//! its only endpoint is the node itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::create;
use crate::components::METRICS_PORT;
use crate::network::NODE_ADDRESS;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "metrics-server";

/// Tells the API server where the metrics API is served, and by which authority's certificate it knows the server.
pub(super) async fn register(client: &Client, authority: &str) -> Result<(), kube::Error> {
    // The API server makes it soon after it has started, but not before it says that it is ready.
    create(&Api::all(client.clone()), &object::<Namespace>(json!({ "metadata": { "name": NAMESPACE } }))?).await?;
    let service: Service = object(json!({
        "metadata": { "name": NAME },
        "spec": { "ports": [{ "port": 443, "targetPort": METRICS_PORT }] },
    }))?;
    create(&Api::namespaced(client.clone(), NAMESPACE), &service).await?;
    let slice: EndpointSlice = object(json!({
        "metadata": { "name": NAME, "labels": { "kubernetes.io/service-name": NAME } },
        "addressType": "IPv4",
        "ports": [{ "port": METRICS_PORT, "name": "" }],
        "endpoints": [{ "addresses": [NODE_ADDRESS], "conditions": { "ready": true } }],
    }))?;
    create(&Api::namespaced(client.clone(), NAMESPACE), &slice).await?;
    let api: APIService = object(json!({
        "metadata": { "name": "v1beta1.metrics.k8s.io" },
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "caBundle": STANDARD.encode(authority),
            "service": { "namespace": NAMESPACE, "name": NAME },
        },
    }))?;
    create(&Api::all(client.clone()), &api).await
}

fn object<K: DeserializeOwned>(object: Value) -> Result<K, kube::Error> {
    serde_json::from_value(object).map_err(kube::Error::SerdeError)
}
