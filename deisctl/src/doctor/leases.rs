mod held;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::Finding;
use crate::cluster::KubeError;
use crate::deadline::within;
use crate::probe::http_status;

pub(super) const AREA: &str = "leases";
/// Where Kubernetes' own parts elect their leaders.
const SYSTEM: &str = "kube-system";
/// Without a leader of these no pod is made, and none is put on a node. Other parts leave their leases behind when they are taken
/// away.
const LEADERS: [&str; 2] = ["kube-controller-manager", "kube-scheduler"];
/// Where state keeps its leases, and where that tells of itself.
const STORE: &str = "deis-etcd-0";
const STORE_ADMIN_PORT: u16 = 9090;
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// A lease may be this much older than it says: clocks differ.
const GRACE: SignedDuration = SignedDuration::from_secs(15);

/// Who leads, and whether they still do.
pub(super) async fn look(client: &Client, namespace: &str) -> Result<Vec<Finding>, KubeError> {
    let (leaders, own, held) =
        tokio::try_join!(leaders(client), own(client, namespace), held::look(client, namespace))?;
    Ok(leaders.into_iter().chain(own).chain(held).collect())
}

async fn leaders(client: &Client) -> Result<Vec<Finding>, KubeError> {
    let leases = Api::<Lease>::namespaced(client.clone(), SYSTEM).list(&ListParams::default()).await?;
    // Not before: the list may take its time.
    let now = Timestamp::now();
    let leases = leases.iter().filter(|lease| LEADERS.contains(&lease.name_any().as_str()));
    let found = leases.map(|lease| of(lease, now)).collect::<Vec<_>>();
    if found.is_empty() {
        return Ok(vec![Finding::well(AREA, "Kubernetes", "elects no leaders: it has one of each")]);
    }
    Ok(found)
}

/// The platform's own, on which its locks and its leader hang. They run out within seconds when nobody renews them, so that none is
/// stuck for as long as their store takes writes.
async fn own(client: &Client, namespace: &str) -> Result<Option<Finding>, KubeError> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    // One that is not ready is told among the parts.
    let Some(pod) = pods.get_opt(STORE).await?.filter(deis_kube::pod_state::is_ready) else { return Ok(None) };
    let answer = within(ANSWER_LIMIT, http_status(&pods, &pod.name_any(), STORE_ADMIN_PORT, "/health")).await;
    let says = match answer {
        Some(Ok(status)) if status.is_success() => {
            return Ok(Some(Finding::well(AREA, STORE, "grants and renews the platform's own")));
        }
        Some(Ok(status)) => format!("says {status}: it has no room, or is damaged, and nobody can lock or lead"),
        Some(Err(error)) => format!("cannot be asked: {error}"),
        None => format!("does not say within {} s whether it takes writes", ANSWER_LIMIT.as_secs()),
    };
    Ok(Some(Finding::fault(AREA, STORE, says, "deisctl journal etcd; deisctl restart etcd")))
}

fn of(lease: &Lease, now: Timestamp) -> Finding {
    let name = lease.name_any();
    let spec = lease.spec.clone().unwrap_or_default();
    let fix = format!("kubectl -n {SYSTEM} delete lease {name}");
    let Some(leader) = spec.holder_identity.filter(|holder| !holder.is_empty()) else {
        return Finding::fault(AREA, name, "has no leader: nobody does its work, or it is gone for good", fix);
    };
    let age = spec.renew_time.map(|MicroTime(renewed)| now.duration_since(renewed));
    let limit = SignedDuration::from_secs(spec.lease_duration_seconds.unwrap_or(0).into()) + GRACE;
    match age {
        Some(age) if age <= limit => Finding::well(AREA, name, format!("is led by {leader}")),
        Some(age) => {
            let says = format!("is stuck: {leader} led it and has not renewed it since {} s", age.as_secs());
            Finding::fault(AREA, name, says, fix)
        }
        None => Finding::fault(AREA, name, format!("is stuck: {leader} has never renewed it"), fix),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    #[test]
    fn a_leader_renews_its_lease() {
        let of = |spec: Value| {
            let lease = json!({ "metadata": { "name": "kube-scheduler" }, "spec": spec });
            let found = of(&from_value(lease).unwrap(), "2026-11-23T12:00:00Z".parse().unwrap());
            (found.well, found.says)
        };
        let lease = |holder: &str, renewed: &str| {
            of(json!({ "holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed }))
        };
        assert_eq!(lease("one", "2026-11-23T11:59:58.000000Z"), (true, "is led by one".to_owned()));
        let stuck = "is stuck: one led it and has not renewed it since 60 s".to_owned();
        assert_eq!(lease("one", "2026-11-23T11:59:00.000000Z"), (false, stuck));
        let nobody = "has no leader: nobody does its work, or it is gone for good".to_owned();
        assert_eq!(lease("", "2026-11-23T11:59:58.000000Z"), (false, nobody));
        assert!(!of(json!({ "holderIdentity": "one" })).0);
    }
}
