//! Addresses for Services of type LoadBalancer, and the same ports on the machine's loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{Service, ServicePort};
use kube::api::{Patch, PatchParams};
use kube::runtime::events::{Event, EventType, Recorder};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::json;
use tracing::{info, warn};

use super::loopback::Loopback;

/// The spare addresses: those of [`crate::network::LOAD_BALANCER_RANGE`] that may be given to a Service.
fn spare() -> impl Iterator<Item = Ipv4Addr> {
    (1..=254).map(|last| Ipv4Addr::new(198, 18, 1, last))
}

/// Follows the Services for ever.
pub(super) async fn run(client: Client) {
    let (services, writer) = reflector::store();
    let watch = watcher(Api::<Service>::all(client.clone()), watcher::Config::default());
    let mut events = pin!(watch.default_backoff().reflect(writer));
    let recorder = Recorder::new(client.clone(), "deis-node".into());
    let mut loopback = Loopback::default();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
            Ok(_) => follow(&client, &recorder, &services.state(), &mut loopback).await,
            Err(error) => warn!(%error, "watching Services"),
        }
    }
}

/// One step towards the plan. What fails is tried again with the next event; a conflict is such an event.
async fn follow(client: &Client, recorder: &Recorder, services: &[Arc<Service>], loopback: &mut Loopback) {
    let plan = plan(services);
    for (service, address) in plan.assignments {
        if let Err(error) = assign(client, &service, address).await {
            warn!(%error, service = service.name_any(), "giving an address");
        }
    }
    for taken in loopback.follow(plan.forwards.iter().map(|(port, it)| (*port, it.target))).await {
        let Some(forward) = plan.forwards.get(&taken.port) else { continue };
        let note = format!("port {} of the machine's loopback is not ours to serve: {}", taken.port, taken.reason);
        warn!(service = forward.service.name_any(), note);
        let event = Event {
            type_: EventType::Warning,
            reason: "LoopbackPortTaken".to_owned(),
            note: Some(note),
            action: "Forward".to_owned(),
            secondary: None,
        };
        if let Err(error) = recorder.publish(&event, &forward.service.object_ref(&())).await {
            warn!(%error, "publishing an event");
        }
    }
}

/// What should be, given all Services.
#[derive(Debug, Default)]
struct Plan {
    /// Services that lack an address, with the one that each gets.
    assignments: Vec<(Arc<Service>, Ipv4Addr)>,
    /// By port of the loopback.
    forwards: BTreeMap<u16, Forward>,
}

#[derive(Debug)]
struct Forward {
    target: SocketAddr,
    service: Arc<Service>,
}

/// First come, first served: the older Service keeps its address and its ports.
fn plan(services: &[Arc<Service>]) -> Plan {
    let mut ours: Vec<&Arc<Service>> = services.iter().filter(|service| wants_address(service)).collect();
    ours.sort_by_key(|service| (service.creation_timestamp(), service.namespace(), service.name_any()));
    let taken: BTreeSet<Ipv4Addr> = ours.iter().filter_map(|service| address(service)).collect();
    let mut free = spare().filter(|address| !taken.contains(address));

    let mut plan = Plan::default();
    for service in ours {
        let Some(address) = address(service) else {
            plan.assignments.extend(free.next().map(|address| (Arc::clone(service), address)));
            continue;
        };
        for port in tcp_ports(service) {
            let target = SocketAddr::from((address, port));
            plan.forwards.entry(port).or_insert_with(|| Forward { target, service: Arc::clone(service) });
        }
    }
    plan
}

/// A Service with a class of its own waits for somebody else.
fn wants_address(service: &Service) -> bool {
    service.meta().deletion_timestamp.is_none()
        && service
            .spec
            .as_ref()
            .is_some_and(|spec| spec.type_.as_deref() == Some("LoadBalancer") && spec.load_balancer_class.is_none())
}

fn address(service: &Service) -> Option<Ipv4Addr> {
    let ingress = service.status.as_ref()?.load_balancer.as_ref()?.ingress.as_ref()?;
    ingress.first()?.ip.as_ref()?.parse().ok()
}

fn tcp_ports(service: &Service) -> impl Iterator<Item = u16> {
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let is_tcp = |port: &&ServicePort| port.protocol.as_deref().unwrap_or("TCP") == "TCP";
    ports.filter(is_tcp).filter_map(|port| u16::try_from(port.port).ok())
}

async fn assign(client: &Client, service: &Service, address: Ipv4Addr) -> kube::Result<()> {
    let api: Api<Service> = Api::namespaced(client.clone(), &service.namespace().unwrap_or_default());
    // The version makes a decision from an old picture fail instead of giving an address twice.
    let patch = json!({
        "metadata": { "resourceVersion": service.resource_version() },
        "status": { "loadBalancer": { "ingress": [{ "ip": address, "ipMode": "VIP" }] } },
    });
    #[expect(clippy::disallowed_methods, reason = "the node plays the part of a cloud's controller")]
    api.patch_status(&service.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await?;
    info!(service = service.name_any(), namespace = service.namespace(), %address, "gave an address");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, age: u32, address: Option<&str>, ports: &[u16]) -> Arc<Service> {
        let ports: Vec<_> = ports.iter().map(|port| json!({ "port": port, "protocol": "TCP" })).collect();
        let ingress: Vec<_> = address.iter().map(|ip| json!({ "ip": ip })).collect();
        let service = json!({
            "metadata": { "name": name, "namespace": "n", "creationTimestamp": format!("2030-01-01T00:00:{:02}Z", 59 - age) },
            "spec": { "type": "LoadBalancer", "ports": ports },
            "status": { "loadBalancer": { "ingress": ingress } },
        });
        Arc::new(serde_json::from_value(service).unwrap())
    }

    fn assigned(plan: &Plan) -> Vec<(String, String)> {
        plan.assignments.iter().map(|(service, address)| (service.name_any(), address.to_string())).collect()
    }

    #[test]
    fn free_addresses_go_to_the_oldest_first() {
        let services = [
            service("young", 1, None, &[80]),
            service("old", 9, None, &[80]),
            service("settled", 5, Some("198.18.1.1"), &[80]),
        ];
        let expected = [("old", "198.18.1.2"), ("young", "198.18.1.3")];
        assert_eq!(assigned(&plan(&services)), expected.map(|(name, ip)| (name.to_owned(), ip.to_owned())));
    }

    #[test]
    fn an_address_is_free_again_when_its_service_is_gone() {
        let services = [service("new", 1, None, &[80]), service("kept", 5, Some("198.18.1.2"), &[80])];
        assert_eq!(assigned(&plan(&services)), [("new".to_owned(), "198.18.1.1".to_owned())]);
    }

    #[test]
    fn no_address_is_left_for_the_255th() {
        let services: Vec<_> = (0..255).map(|n| service(&format!("s{n:03}"), 0, None, &[80])).collect();
        let plan = plan(&services);
        assert_eq!(plan.assignments.len(), 254);
        assert_eq!(plan.assignments.iter().map(|(_, it)| *it).collect::<BTreeSet<_>>().len(), 254);
    }

    #[test]
    fn a_port_of_the_loopback_belongs_to_the_oldest_service() {
        let services = [
            service("late", 1, Some("198.18.1.2"), &[80, 8080]),
            service("router", 5, Some("198.18.1.1"), &[80, 443, 2222]),
        ];
        let forwards: Vec<_> =
            plan(&services).forwards.into_iter().map(|(port, it)| (port, it.target.to_string())).collect();
        let expected =
            [(80, "198.18.1.1:80"), (443, "198.18.1.1:443"), (2222, "198.18.1.1:2222"), (8080, "198.18.1.2:8080")];
        assert_eq!(forwards, expected.map(|(port, target)| (port, target.to_owned())));
    }

    #[test]
    fn other_types_and_other_classes_are_left_alone() {
        let mut node_port = Service::clone(&service("node-port", 1, None, &[80]));
        node_port.spec.as_mut().unwrap().type_ = Some("NodePort".to_owned());
        let mut classed = Service::clone(&service("classed", 1, None, &[80]));
        classed.spec.as_mut().unwrap().load_balancer_class = Some("example.com/other".to_owned());
        let plan = plan(&[Arc::new(node_port), Arc::new(classed)]);
        assert!(plan.assignments.is_empty() && plan.forwards.is_empty());
    }
}
