use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::Finding;
use crate::cluster::KubeError;

pub(super) const AREA: &str = "services";
/// The chart's own objects.
const PLATFORM: &str = "app.kubernetes.io/part-of=deis";
/// Label of an EndpointSlice with the name of its Service.
const SERVICE: &str = "kubernetes.io/service-name";

pub(super) async fn look(client: &Client, namespace: &str) -> Result<Vec<Finding>, KubeError> {
    let services = Api::<Service>::namespaced(client.clone(), namespace);
    let services = services.list(&ListParams::default().labels(PLATFORM)).await?;
    let slices = Api::<EndpointSlice>::namespaced(client.clone(), namespace).list(&ListParams::default()).await?;
    let served = slices.iter().filter_map(served).collect::<BTreeSet<_>>();
    if services.items.is_empty() {
        return Ok(vec![Finding::fault(AREA, "all", "are missing", "deisctl install")]);
    }
    Ok(services.iter().map(|service| of(namespace, service, &served)).collect())
}

/// The Service of a slice with an endpoint that is ready.
fn served(slice: &EndpointSlice) -> Option<String> {
    let ready = |conditions: Option<bool>| conditions.unwrap_or(true);
    let mut endpoints = slice.endpoints.iter();
    let any = endpoints.any(|endpoint| ready(endpoint.conditions.as_ref().and_then(|conditions| conditions.ready)));
    any.then(|| slice.labels().get(SERVICE).cloned())?
}

fn of(namespace: &str, service: &Service, served: &BTreeSet<String>) -> Finding {
    let name = service.name_any();
    if !served.contains(&name) {
        let fix = format!("kubectl -n {namespace} get endpointslices -l {SERVICE}={name}");
        return Finding::fault(AREA, name, "leads to no pod that is ready", fix);
    }
    let balanced = service.spec.as_ref().is_some_and(|spec| spec.type_.as_deref() == Some("LoadBalancer"));
    let balancer = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    if balanced && balancer.is_none_or(|balancer| balancer.ingress.iter().flatten().next().is_none()) {
        let fix = "does the cluster give addresses to Services of type LoadBalancer? If not, set router.service.type=NodePort";
        return Finding::fault(AREA, name, "has no address for the world outside", fix);
    }
    Finding::well(AREA, name, "leads to a pod")
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn a_service_leads_to_a_ready_pod_and_the_routers_has_an_address() {
        let slice = |ready: bool| {
            from_value(json!({
                "metadata": { "labels": { "kubernetes.io/service-name": "deis-router" } }, "addressType": "IPv4",
                "endpoints": [{ "addresses": ["10.0.0.1"], "conditions": { "ready": ready } }],
            }))
            .unwrap()
        };
        assert_eq!(served(&slice(true)).as_deref(), Some("deis-router"));
        assert_eq!(served(&slice(false)), None);

        let service = |kind: &str, ingress: serde_json::Value| {
            from_value(json!({
                "metadata": { "name": "deis-router" }, "spec": { "type": kind },
                "status": { "loadBalancer": { "ingress": ingress } },
            }))
            .unwrap()
        };
        let served = BTreeSet::from(["deis-router".to_owned()]);
        assert!(of("deis", &service("LoadBalancer", json!([{ "ip": "192.0.2.1" }])), &served).well);
        assert!(of("deis", &service("ClusterIP", json!([])), &served).well);
        let says = |service: &Service, served| of("deis", service, served).says;
        assert_eq!(says(&service("LoadBalancer", json!([])), &served), "has no address for the world outside");
        assert_eq!(says(&service("ClusterIP", json!([])), &BTreeSet::new()), "leads to no pod that is ready");
    }
}
