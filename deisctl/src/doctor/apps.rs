use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::{Finding, orphans};
use crate::cluster::KubeError;

pub(super) const AREA: &str = "apps";
/// Kubernetes takes seconds to delete a namespace; the slowest pod may take its grace period.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// A pod finds its node in a moment, unless a new one is on its way.
const PLACING: SignedDuration = SignedDuration::from_mins(1);

pub(super) async fn look(client: &Client, namespace: &str, now: Timestamp) -> Result<Vec<Finding>, KubeError> {
    let ours = ListParams::default().labels(deis_kube::labels::OURS);
    let namespaces = Api::<Namespace>::all(client.clone()).list(&ours).await?;
    let waiting = Api::<Pod>::all(client.clone()).list(&ours.fields("status.phase=Pending")).await?;
    // The platform's own pods are parts.
    let waiting = waiting.iter().filter(|pod| pod.namespace().as_deref() != Some(namespace));
    let stuck = namespaces.iter().filter_map(|namespace| stuck(namespace, now));
    let mut found = stuck.chain(waiting.filter_map(|pod| homeless(pod, now))).collect::<Vec<_>>();
    found.extend(orphans::look(client, namespace, &namespaces.items).await?);
    if found.is_empty() {
        let says = format!("{} have their namespaces, and their pods have nodes", namespaces.items.len());
        return Ok(vec![Finding::well(AREA, "all", says)]);
    }
    Ok(found)
}

/// A pod that no node takes.
fn homeless(pod: &Pod, now: Timestamp) -> Option<Finding> {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut refused = conditions.filter(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    let refused = refused.find(|condition| condition.reason.as_deref() == Some("Unschedulable"))?;
    let Time(since) = refused.last_transition_time.as_ref()?;
    let waited = now.duration_since(*since);
    if waited < PLACING {
        return None;
    }
    let (namespace, name) = (pod.namespace()?, pod.name_any());
    let why = refused.message.clone().unwrap_or_default();
    let says = format!("finds no node for pod {name} since {} minutes: {why}", waited.as_mins());
    let fix = format!(
        "give the cluster a node that can take it, or the app what it can have: kubectl -n {namespace} describe pod {name}"
    );
    Some(Finding::fault(AREA, namespace, says, fix))
}

/// A namespace that does not go away.
fn stuck(namespace: &Namespace, now: Timestamp) -> Option<Finding> {
    let Time(since) = namespace.metadata.deletion_timestamp.as_ref()?;
    let waited = now.duration_since(*since);
    if waited < PATIENCE {
        return None;
    }
    let conditions = namespace.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let reasons = conditions.filter(|condition| condition.status == "True").filter_map(|it| it.message.clone());
    let why = reasons.collect::<Vec<_>>().join("; ");
    let name = namespace.name_any();
    let fix = format!("remove what holds it: kubectl get namespace {name} -o yaml");
    let says = format!("is being destroyed since {} minutes: {why}", waited.as_mins());
    Some(Finding::fault(AREA, name, says, fix))
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn a_namespace_goes_within_minutes() {
        let namespace: Namespace = from_value(json!({
            "metadata": { "name": "shop", "deletionTimestamp": "2026-11-23T12:00:00Z" },
            "status": { "conditions": [
                { "type": "NamespaceFinalizersRemaining", "status": "True", "reason": "x", "message": "widget/x has finalizers",
                  "lastTransitionTime": "2026-11-23T12:00:00Z" },
                { "type": "NamespaceContentRemaining", "status": "False", "reason": "x", "message": "",
                  "lastTransitionTime": "2026-11-23T12:00:00Z" },
            ] },
        }))
        .unwrap();
        assert_eq!(stuck(&namespace, "2026-11-23T12:05:00Z".parse().unwrap()), None);
        let found = stuck(&namespace, "2026-11-23T12:20:00Z".parse().unwrap()).unwrap();
        assert_eq!(found.says, "is being destroyed since 20 minutes: widget/x has finalizers");
        assert_eq!(stuck(&Namespace::default(), Timestamp::now()), None);
    }

    #[test]
    fn a_pod_that_no_node_takes_is_told_after_a_while() {
        let pod: Pod = from_value(json!({
            "metadata": { "name": "shop-v2-web-abcde", "namespace": "shop" },
            "status": { "phase": "Pending", "conditions": [
                { "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                  "message": "0/1 nodes are available", "lastTransitionTime": "2026-11-23T12:00:00Z" },
            ] },
        }))
        .unwrap();
        assert_eq!(homeless(&pod, "2026-11-23T12:00:30Z".parse().unwrap()), None);
        let found = homeless(&pod, "2026-11-23T12:05:00Z".parse().unwrap()).unwrap();
        assert_eq!(found.subject, "shop");
        assert_eq!(found.says, "finds no node for pod shop-v2-web-abcde since 5 minutes: 0/1 nodes are available");
        assert_eq!(homeless(&Pod::default(), Timestamp::now()), None);
    }
}
