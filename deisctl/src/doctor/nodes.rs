use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, NodeCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::Finding;
use crate::cluster::KubeError;

pub(super) const AREA: &str = "nodes";
/// Conditions of Kubernetes' own that a node should not have.
const SHORTAGES: [&str; 4] = ["DiskPressure", "MemoryPressure", "NetworkUnavailable", "PIDPressure"];
/// Where kubelets give their signs of life, every ten seconds.
const LEASES: &str = "kube-node-lease";
/// A sign of life may be this old before Kubernetes gives a node up (`--node-monitor-grace-period`).
const SILENCE: SignedDuration = SignedDuration::from_secs(50);
/// A clock may be this much ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_secs(5);

pub(super) async fn look(client: &Client) -> Result<Vec<Finding>, KubeError> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await?;
    let leases = Api::<Lease>::namespaced(client.clone(), LEASES).list(&ListParams::default()).await?;
    // Not before: the lists may take their time.
    let now = Timestamp::now();
    // The lease of a node that is gone may stay.
    let alive = leases.iter().filter(|lease| nodes.iter().any(|node| node.name_any() == lease.name_any()));
    Ok(nodes.iter().map(condition).chain(alive.map(|lease| clock(lease, now))).collect())
}

/// Ready, and short of nothing.
fn condition(node: &Node) -> Finding {
    let name = node.name_any();
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    // Others, which cloud providers add, mean what they like.
    let bad = |condition: &&NodeCondition| match condition.type_.as_str() {
        "Ready" => condition.status != "True",
        kind => SHORTAGES.contains(&kind) && condition.status == "True",
    };
    let describe = format!("kubectl describe node {name}");
    match conditions.clone().find(bad) {
        Some(condition) if condition.type_ == "Ready" => {
            let why = condition.message.clone().unwrap_or_default();
            Finding::fault(AREA, name, format!("is not ready: {why}"), format!("look at its kubelet; {describe}"))
        }
        Some(condition) if condition.type_ == "NetworkUnavailable" => {
            let why = condition.message.clone().unwrap_or_default();
            Finding::fault(
                AREA,
                name,
                format!("has no network: {why}"),
                format!("look at its network plugin; {describe}"),
            )
        }
        Some(condition) => {
            let says = format!("has {}: {}", condition.type_, condition.message.clone().unwrap_or_default());
            Finding::fault(AREA, name, says, format!("give it room, or take load off it; {describe}"))
        }
        None if conditions.count() == 0 => Finding::fault(AREA, name, "says nothing of itself", describe),
        None if node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true) => {
            Finding::fault(AREA, &name, "is cordoned: it takes no new pods", format!("kubectl uncordon {name}"))
        }
        None => Finding::well(AREA, name, "is ready"),
    }
}

/// Certificates, leases and logs count on clocks that agree.
fn clock(lease: &Lease, now: Timestamp) -> Finding {
    let name = lease.name_any();
    let subject = format!("{name}, clock");
    let renewed = lease.spec.as_ref().and_then(|spec| spec.renew_time.as_ref());
    let Some(MicroTime(renewed)) = renewed else {
        return Finding::fault(AREA, subject, "gives no sign of life", format!("kubectl describe node {name}"));
    };
    let age = now.duration_since(*renewed);
    if age < -AHEAD {
        let says = format!("is {} s ahead of this machine's clock", age.abs().as_secs());
        return Finding::fault(AREA, subject, says, "have both kept by NTP (timedatectl set-ntp true)");
    }
    if age > SILENCE {
        let says = format!("gave its last sign of life {} s ago", age.as_secs());
        return Finding::fault(AREA, subject, says, "look at its kubelet, and whether both clocks are kept by NTP");
    }
    Finding::well(AREA, subject, "agrees with this machine's")
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn node(conditions: &[(&str, &str)]) -> Finding {
        let conditions =
            conditions.iter().map(|(kind, status)| json!({ "type": kind, "status": status, "message": "m" }));
        condition(
            &from_value(json!({
                "metadata": { "name": "one" }, "status": { "conditions": conditions.collect::<Vec<_>>() },
            }))
            .unwrap(),
        )
    }

    #[test]
    fn a_node_is_ready_and_short_of_nothing() {
        assert!(node(&[("Ready", "True"), ("DiskPressure", "False"), ("StorageReady", "True")]).well);
        assert_eq!(node(&[("DiskPressure", "True"), ("Ready", "True")]).says, "has DiskPressure: m");
        assert_eq!(node(&[("Ready", "Unknown")]).says, "is not ready: m");
        assert_eq!(node(&[("NetworkUnavailable", "True"), ("Ready", "True")]).says, "has no network: m");
        assert!(!node(&[]).well);
        let cordoned = json!({ "metadata": { "name": "one" }, "spec": { "unschedulable": true },
                               "status": { "conditions": [{ "type": "Ready", "status": "True" }] } });
        assert_eq!(condition(&from_value(cordoned).unwrap()).fix.as_deref(), Some("kubectl uncordon one"));
    }

    #[test]
    fn clocks_agree() {
        let at = |time: &str| {
            let lease = json!({ "metadata": { "name": "one" }, "spec": { "renewTime": time } });
            clock(&from_value(lease).unwrap(), "2026-11-23T12:00:00Z".parse().unwrap())
        };
        assert!(at("2026-11-23T11:59:50.000000Z").well && at("2026-11-23T12:00:04.000000Z").well);
        assert_eq!(at("2026-11-23T12:02:00.000000Z").says, "is 120 s ahead of this machine's clock");
        assert_eq!(at("2026-11-23T11:59:00.000000Z").says, "gave its last sign of life 60 s ago");
    }
}
