use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::Finding;
use crate::cluster::KubeError;
use crate::components::{COMPONENTS, Component};

pub(super) const AREA: &str = "volumes";

pub(super) async fn look(client: &Client, namespace: &str) -> Result<Vec<Finding>, KubeError> {
    let claims = Api::<PersistentVolumeClaim>::namespaced(client.clone(), namespace);
    // A StatefulSet gives its claims the labels that it selects its pods by; the builders' claim has them from the chart.
    let parts = COMPONENTS.iter().map(Component::object_name).collect::<Vec<_>>().join(",");
    let ours = ListParams::default().labels(&format!("app in ({parts})"));
    Ok(claims.list(&ours).await?.iter().map(|claim| of(namespace, claim)).collect())
}

fn of(namespace: &str, claim: &PersistentVolumeClaim) -> Finding {
    let name = claim.name_any();
    let describe = format!("kubectl -n {namespace} describe pvc {name}");
    if claim.metadata.deletion_timestamp.is_some() {
        return Finding::fault(
            AREA,
            name,
            "is being deleted: its data goes with its pod",
            format!("back up now; {describe}"),
        );
    }
    match claim.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("unknown") {
        "Bound" => Finding::well(AREA, name, "has its volume"),
        "Lost" => Finding::fault(AREA, name, "has lost its volume", format!("restore from a backup; {describe}")),
        phase => {
            let fix = format!(
                "does the cluster have a default StorageClass with room? {describe}; if no pod needs it: kubectl -n {namespace} \
                 delete pvc {name}"
            );
            Finding::fault(AREA, name, format!("has no volume, it is {phase}"), fix)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn a_claim_has_a_volume_that_stays() {
        let claim = |phase: &str| json!({ "metadata": { "name": "data" }, "status": { "phase": phase } });
        assert!(of("deis", &from_value(claim("Bound")).unwrap()).well);
        assert_eq!(of("deis", &from_value(claim("Pending")).unwrap()).says, "has no volume, it is Pending");
        assert_eq!(of("deis", &from_value(claim("Lost")).unwrap()).says, "has lost its volume");
        let mut going = claim("Bound");
        going["metadata"]["deletionTimestamp"] = json!("2026-11-23T12:00:00Z");
        assert!(!of("deis", &from_value(going).unwrap()).well);
    }
}
