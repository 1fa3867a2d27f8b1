use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::Finding;
use crate::cluster::KubeError;

pub(super) const AREA: &str = "apps";
/// Kubernetes takes seconds to delete a namespace; the slowest pod may take its grace period.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

pub(super) async fn look(client: &Client, now: Timestamp) -> Result<Vec<Finding>, KubeError> {
    let apps = ListParams::default().labels("heritage=deis");
    let namespaces = Api::<Namespace>::all(client.clone()).list(&apps).await?;
    let stuck = namespaces.iter().filter_map(|namespace| stuck(namespace, now)).collect::<Vec<_>>();
    if stuck.is_empty() {
        return Ok(vec![Finding::well(AREA, "all", format!("{} have their namespaces", namespaces.items.len()))]);
    }
    Ok(stuck)
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
}
