//! What Kubernetes says, as events of the table; the only place that knows its objects.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use deis_kube::objects::{read_certificate, read_router_settings};
use deis_kube::watch::{Change, Health, ObjectKey, objects};
use deis_kube::{labels, names};
use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, select_all};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::Config as Selection;
use kube::{Api, Client, ResourceExt as _};

use crate::table::ServiceKey;
use crate::table::facts::{self, Event, Watch};

/// Says whose an EndpointSlice is.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

const HTTP_PORT: i32 = 80;
const GIT_PORT: i32 = 2222;

/// The events of all watches, with the watches' health.
pub struct Feed {
    /// In the order of their arrival.
    pub events: BoxStream<'static, Event>,
    /// One for each watch that pod addresses come from.
    pub healths: Vec<Health>,
}

impl Feed {
    /// Watches Services, EndpointSlices and pods of the whole cluster, by label, by name the builder's Service and the settings, and the
    /// certificates in the one namespace that has nothing else.
    #[must_use]
    pub fn watch(client: &Client, builder: &ServiceKey, certificates: &str) -> Self {
        let by_label = |label: &str| Selection::default().labels(&format!("{label}=true"));
        let by_name = |name: &str| Selection::default().fields(&format!("metadata.name={name}"));

        let (services, services_health) = objects(Api::<Service>::all(client.clone()), by_label(labels::ROUTABLE));
        let (builders, builder_health) =
            objects(Api::<Service>::namespaced(client.clone(), &builder.namespace), by_name(&builder.name));
        // Kubernetes copies a Service's labels to its EndpointSlices.
        let (slices, slices_health) = objects(Api::<EndpointSlice>::all(client.clone()), by_label(labels::ROUTABLE));
        // Only those whose end is to be heard of before their slices tell it.
        let (pods, pods_health) =
            objects(Api::<PartialObjectMeta<Pod>>::all(client.clone()), by_label(labels::BACKEND));

        // Old settings make no address wrong: the health of their watch does not count.
        let (settings, _) =
            objects(Api::<ConfigMap>::namespaced(client.clone(), &builder.namespace), by_name(names::ROUTER_SETTINGS));

        // Nor do old certificates.
        let tls = Selection::default().fields("type=kubernetes.io/tls");
        let (secrets, _) = objects(Api::<Secret>::namespaced(client.clone(), certificates), tls);

        let builder = builder.clone();
        let services = services.filter_map(move |change| {
            // The builder's Service has a watch of its own, which is not to be contradicted when it is routable too.
            let event = service_event(change, HTTP_PORT, Watch::Services).filter(|event| !is_about(event, &builder));
            std::future::ready(event)
        });
        let builders = builders.filter_map(async |change| service_event(change, GIT_PORT, Watch::Builder));
        let slices = slices.filter_map(async |change| slice_event(change));
        let pods = pods.filter_map(async |change| pod_event(change));
        let settings = settings.filter_map(async |change| settings_event(change));
        let secrets = secrets.filter_map(async |change| Some(certificate_event(change)));
        let all = [services.boxed(), builders.boxed(), slices.boxed(), pods.boxed(), settings.boxed(), secrets.boxed()];
        Self {
            events: select_all(all).boxed(),
            healths: vec![services_health, builder_health, slices_health, pods_health],
        }
    }
}

fn is_about(event: &Event, service: &ServiceKey) -> bool {
    match event {
        Event::Service(facts) => facts.key == *service,
        Event::ServiceGone(key) => key == service,
        _ => false,
    }
}

fn service_event(change: Change<Service>, port: i32, watch: Watch) -> Option<Event> {
    match change {
        Change::Applied(service) => service_facts(&service, port).map(Event::Service),
        Change::Deleted(ObjectKey { namespace, name, .. }) => Some(Event::ServiceGone(ServiceKey { namespace, name })),
        Change::Complete => Some(Event::Complete(watch)),
    }
}

/// The port with the usual number, else the first one for TCP: a Service made by hand is served whatever its port.
fn service_facts(service: &Service, port: i32) -> Option<facts::Service> {
    let key = ServiceKey { namespace: service.namespace()?, name: service.name_any() };
    let spec = service.spec.as_ref()?;
    let mut ports =
        spec.ports.iter().flatten().filter(|port| port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP"));
    let usual = ports.clone().find(|candidate| candidate.port == port);
    let served = usual.or_else(|| ports.next());
    let number = served.and_then(|port| u16::try_from(port.port).ok());
    // Absent for a Service that is a name only, "None" for a headless one.
    let ip = spec.cluster_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok());
    let annotations = service
        .annotations()
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(crate::table::ANNOTATIONS)?.to_owned(), value.clone())));
    Some(facts::Service {
        key,
        created: service.creation_timestamp().map_or(0, |time| time.0.as_second()),
        app: service.labels().get(labels::APP).cloned(),
        annotations: annotations.collect(),
        port: served.and_then(|port| port.name.clone()).unwrap_or_default(),
        address: ip.zip(number).map(SocketAddr::from),
    })
}

fn slice_event(change: Change<EndpointSlice>) -> Option<Event> {
    match change {
        Change::Applied(slice) => slice_facts(&slice).map(Event::Slice),
        Change::Deleted(key) => Some(Event::SliceGone(key.namespace, key.name)),
        Change::Complete => Some(Event::Complete(Watch::Slices)),
    }
}

fn slice_facts(slice: &EndpointSlice) -> Option<facts::Slice> {
    let service = ServiceKey { namespace: slice.namespace()?, name: slice.labels().get(SERVICE_NAME)?.clone() };
    let ports = slice
        .ports
        .iter()
        .flatten()
        .filter_map(|port| Some((port.name.clone().unwrap_or_default(), u16::try_from(port.port?).ok()?)));
    let endpoints = slice.endpoints.iter().filter(|endpoint| takes_requests(endpoint)).flat_map(|endpoint| {
        let pod = endpoint.target_ref.as_ref().filter(|target| target.kind.as_deref() == Some("Pod"));
        let pod_uid = pod.and_then(|pod| pod.uid.clone());
        // Host names, which one kind of slice has, are no addresses.
        let ips = endpoint.addresses.iter().filter_map(|address| address.parse().ok());
        ips.map(move |ip| facts::Endpoint { ip, pod_uid: pod_uid.clone() })
    });
    let ports = ports.collect::<BTreeMap<_, _>>();
    Some(facts::Slice { name: slice.name_any(), service, ports, endpoints: endpoints.collect() })
}

/// Ready, where unknown means ready, and not about to end: a Service may publish even those.
fn takes_requests(endpoint: &Endpoint) -> bool {
    endpoint.conditions.as_ref().is_none_or(|conditions| {
        conditions.ready != Some(false) && conditions.serving != Some(false) && conditions.terminating != Some(true)
    })
}

/// An object that is gone or unreadable says nothing: the last good settings hold until workflow has put it back.
fn settings_event(change: Change<ConfigMap>) -> Option<Event> {
    match change {
        Change::Applied(object) => {
            let settings = read_router_settings(&object).map(Event::Settings);
            if settings.is_none() {
                tracing::error!("the settings cannot be read, the last good ones hold");
            }
            settings
        }
        Change::Deleted(_) => {
            tracing::warn!("the settings are gone, the last good ones hold");
            None
        }
        Change::Complete => Some(Event::Complete(Watch::Settings)),
    }
}

/// A Secret without what it should hold is one that cannot be served, and is told as such.
fn certificate_event(change: Change<Secret>) -> Event {
    match change {
        Change::Applied(secret) => {
            let (chain, key) = read_certificate(&secret).unwrap_or_default();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            Event::Certificate(facts::Certificate::new(secret.name_any(), text(chain), text(key).into()))
        }
        Change::Deleted(key) => Event::CertificateGone(key.name),
        Change::Complete => Event::Complete(Watch::Certificates),
    }
}

fn pod_event(change: Change<PartialObjectMeta<Pod>>) -> Option<Event> {
    match change {
        Change::Applied(pod) => Some(Event::Pod(pod.uid()?, pod.metadata.deletion_timestamp.is_some())),
        Change::Deleted(key) => Some(Event::PodGone(key.uid)),
        Change::Complete => Some(Event::Complete(Watch::Pods)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn key(name: &str) -> ServiceKey {
        ServiceKey { namespace: "ns".to_owned(), name: name.to_owned() }
    }

    fn service(spec: serde_json::Value) -> Service {
        from_value(json!({
            "metadata": {
                "name": "app", "namespace": "ns", "creationTimestamp": "1970-01-01T00:01:00Z",
                "labels": {"app": "app"}, "annotations": {"router.deis.io/domains": "app", "else.io/domains": "no"},
            },
            "spec": spec,
        }))
        .unwrap()
    }

    #[test]
    fn a_service_is_served_at_port_80_else_at_its_first() {
        let both = json!({"clusterIP": "10.96.0.7", "ports": [{"port": 9000, "name": "metrics"}, {"port": 80, "name": "http"}]});
        let facts = service_facts(&service(both), HTTP_PORT).unwrap();
        assert_eq!((facts.port.as_str(), facts.address), ("http", Some("10.96.0.7:80".parse().unwrap())));
        assert_eq!((facts.created, facts.app.as_deref()), (60, Some("app")));
        assert_eq!(facts.annotations, BTreeMap::from([("domains".to_owned(), "app".to_owned())]));

        let first = json!({"clusterIP": "10.96.0.7", "ports": [{"port": 53, "protocol": "UDP"}, {"port": 8080}]});
        let facts = service_facts(&service(first), HTTP_PORT).unwrap();
        assert_eq!((facts.port.as_str(), facts.address), ("", Some("10.96.0.7:8080".parse().unwrap())));

        let headless = json!({"clusterIP": "None", "ports": [{"port": 80}]});
        assert_eq!(service_facts(&service(headless), HTTP_PORT).unwrap().address, None);
    }

    #[test]
    fn only_endpoints_that_take_requests_count() {
        let pod = |ip: &str, conditions: serde_json::Value| json!({"addresses": [ip], "conditions": conditions, "targetRef": {"kind": "Pod", "uid": format!("uid-{ip}")}});
        let slice = from_value(json!({
            "addressType": "IPv4",
            "metadata": {"name": "app-x", "namespace": "ns", "labels": {SERVICE_NAME: "app"}},
            "ports": [{"name": "http", "port": 5000}, {"port": 9000}],
            "endpoints": [
                pod("10.1.0.1", json!({"ready": true, "serving": true, "terminating": false})),
                pod("10.1.0.2", json!({"ready": false})),
                pod("10.1.0.3", json!({"ready": true, "terminating": true})),
                pod("10.1.0.4", json!({})),
                {"addresses": ["10.1.0.5", "not-an-address"]},
            ],
        }))
        .unwrap();
        let facts = slice_facts(&slice).unwrap();
        assert_eq!((facts.service, facts.name.as_str()), (key("app"), "app-x"));
        assert_eq!(facts.ports, BTreeMap::from([("http".to_owned(), 5000), (String::new(), 9000)]));
        let endpoints = facts.endpoints.iter().map(|endpoint| (endpoint.ip.to_string(), endpoint.pod_uid.as_deref()));
        assert_eq!(
            endpoints.collect::<Vec<_>>(),
            [
                ("10.1.0.1".to_owned(), Some("uid-10.1.0.1")),
                ("10.1.0.4".to_owned(), Some("uid-10.1.0.4")),
                ("10.1.0.5".to_owned(), None),
            ]
        );
    }

    #[test]
    fn a_pod_ends_when_it_is_marked_for_deletion() {
        let pod = |deletion: serde_json::Value| {
            from_value::<PartialObjectMeta<Pod>>(
                json!({"metadata": {"uid": "u", "name": "p", "deletionTimestamp": deletion}}),
            )
            .unwrap()
        };
        assert_eq!(pod_event(Change::Applied(pod(json!(null)))), Some(Event::Pod("u".to_owned(), false)));
        assert_eq!(
            pod_event(Change::Applied(pod(json!("2026-01-01T00:00:00Z")))),
            Some(Event::Pod("u".to_owned(), true))
        );
    }
}
