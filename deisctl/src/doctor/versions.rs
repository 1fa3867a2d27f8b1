use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

use super::Finding;
use crate::cluster::KubeError;

pub(super) const AREA: &str = "versions";
/// The chart's own objects.
const PLATFORM: &str = "app.kubernetes.io/part-of=deis";
const VERSION: &str = "app.kubernetes.io/version";
/// Of this program, which comes with its chart.
const OWN: &str = env!("CARGO_PKG_VERSION");

pub(super) async fn look(client: &Client, namespace: &str) -> Result<Vec<Finding>, KubeError> {
    let params = ListParams::default().labels(PLATFORM);
    let deployments = Api::<Deployment>::namespaced(client.clone(), namespace).list(&params).await?;
    let stateful_sets = Api::<StatefulSet>::namespaced(client.clone(), namespace).list(&params).await?;
    let daemon_sets = Api::<DaemonSet>::namespaced(client.clone(), namespace).list(&params).await?;
    let mut findings = deployments.iter().map(of).collect::<Vec<_>>();
    findings.extend(stateful_sets.iter().map(of));
    findings.extend(daemon_sets.iter().map(of));
    Ok(findings)
}

fn of(workload: &impl ResourceExt) -> Finding {
    let name = workload.name_any();
    match workload.labels().get(VERSION).map(String::as_str) {
        Some(OWN) => Finding::well(AREA, name, format!("is of {OWN}")),
        Some(other) => {
            let says = format!("is of {other}, this deisctl of {OWN}");
            Finding::fault(AREA, name, says, "deisctl install upgrades it, or use the deisctl that belongs to it")
        }
        None => Finding::fault(AREA, name, "does not say its version: it was changed by hand", "deisctl install"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn all_parts_are_of_one_version() {
        let says = |labels: serde_json::Value| {
            let deployment: Deployment =
                from_value(json!({ "metadata": { "name": "deis-state", "labels": labels } })).unwrap();
            of(&deployment)
        };
        assert!(says(json!({ VERSION: OWN })).well);
        assert_eq!(says(json!({ VERSION: "0.0.1" })).says, format!("is of 0.0.1, this deisctl of {OWN}"));
        assert!(!says(json!({})).well);
    }
}
