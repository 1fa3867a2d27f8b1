use futures_util::future::join_all;
use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use serde::Deserialize;
use serde_json::Value;

use crate::cluster::KubeError;
use crate::doctor::Finding;

const AREA: &str = "room";
/// A volume should have a twentieth free; of a large one, this is enough.
const ENOUGH: u64 = 1 << 30;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Volume {
    pvc_ref: Option<Claim>,
    available_bytes: Option<u64>,
    capacity_bytes: Option<u64>,
}

#[derive(Deserialize)]
struct Claim {
    name: String,
    namespace: String,
}

/// How much room the platform's volumes have, as far as the kubelets know.
pub(crate) async fn room(client: &Client, namespace: &str) -> Result<Vec<Finding>, KubeError> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await?;
    let looks = nodes.iter().map(|node| node_stats(client, node.name_any(), namespace));
    Ok(join_all(looks).await.into_iter().flatten().collect())
}

async fn node_stats(client: &Client, node: String, namespace: &str) -> Vec<Finding> {
    let unknown = |why: String| vec![Finding::well(AREA, &node, format!("does not tell: {why}"))];
    let request = http::Request::get(format!("/api/v1/nodes/{node}/proxy/stats/summary")).body(Vec::new());
    match request.map(|request| client.request::<Value>(request)) {
        Ok(answer) => match answer.await {
            Ok(summary) => of(&summary, namespace),
            Err(error) => unknown(KubeError::from(error).to_string()),
        },
        Err(error) => unknown(error.to_string()),
    }
}

fn of(summary: &Value, namespace: &str) -> Vec<Finding> {
    let pods = summary.get("pods").and_then(Value::as_array).into_iter().flatten();
    let volumes = pods.filter_map(|pod| pod.get("volume")?.as_array()).flatten();
    let volumes = volumes.filter_map(|volume| Volume::deserialize(volume).ok());
    volumes.filter_map(|volume| finding(volume, namespace)).collect()
}

fn finding(volume: Volume, namespace: &str) -> Option<Finding> {
    let claim = volume.pvc_ref.filter(|claim| claim.namespace == namespace)?;
    let (free, all) = (volume.available_bytes?, volume.capacity_bytes?);
    let says = format!("has {} MiB of {} MiB free", free >> 20, all >> 20);
    if free < (all / 20).min(ENOUGH) {
        return Some(Finding::fault(
            AREA,
            claim.name,
            says,
            "make room, or have the volume enlarged: a migration may need it",
        ));
    }
    Some(Finding::well(AREA, claim.name, says))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_full_volume_is_a_fault() {
        let volume = |name: &str, namespace: &str, free: u64, all: u64| {
            json!({ "name": "data", "availableBytes": free << 20, "capacityBytes": all << 20,
                    "pvcRef": { "name": name, "namespace": namespace } })
        };
        let volumes = [
            volume("data-deis-database-0", "deis", 100, 5000),
            volume("data-deis-etcd-0", "deis", 1900, 2000),
            volume("data-deis-registry-0", "deis", 2000, 200_000),
            volume("other", "shop", 0, 5000),
            json!({ "name": "tmp" }),
        ];
        let findings = of(&json!({ "pods": [{ "volume": volumes }, {}] }), "deis");
        let told = findings.iter().map(|it| (it.subject.as_str(), it.well, it.says.as_str())).collect::<Vec<_>>();
        assert_eq!(
            told,
            [
                ("data-deis-database-0", false, "has 100 MiB of 5000 MiB free"),
                ("data-deis-etcd-0", true, "has 1900 MiB of 2000 MiB free"),
                ("data-deis-registry-0", true, "has 2000 MiB of 200000 MiB free"),
            ]
        );
    }
}
