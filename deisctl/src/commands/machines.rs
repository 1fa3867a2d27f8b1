use std::collections::BTreeMap;

use deis_cli::{Failure, OutputArgs, Ui, table};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde::Serialize;

use crate::cluster::{ClusterArgs, KubeError};

/// List the cluster's nodes, and how many of our pods each runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    output: OutputArgs,
}

/// Label of a node: the rest of its key is what the node is for.
const ROLE: &str = "node-role.kubernetes.io/";

#[derive(Debug, thiserror::Error)]
#[error("cannot list {0}")]
struct ListError(&'static str, #[source] KubeError);

#[derive(Debug, Eq, PartialEq, Serialize)]
struct Machine {
    name: String,
    ready: bool,
    /// New pods may be put there.
    schedulable: bool,
    roles: Vec<String>,
    /// By their kinds: `InternalIP`, `Hostname`, …
    addresses: BTreeMap<String, String>,
    /// Of its kubelet.
    version: String,
    pods: Pods,
}

/// Our pods of a node.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
struct Pods {
    platform: usize,
    apps: usize,
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    let client = cluster.client().await?;
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await;
    let nodes = nodes.map_err(|error| ListError("nodes", error.into()))?;
    let ours = ListParams::default().labels(deis_kube::labels::OURS);
    let pods = Api::<Pod>::all(client).list(&ours).await.map_err(|error| ListError("pods", error.into()))?;
    let pods = per_node(&pods.items, &cluster.namespace);
    let machines = nodes.iter().map(|node| machine(node, &pods)).collect::<Vec<_>>();
    args.output.show(ui, &machines, |ui, machines| {
        let rows = machines.iter().map(row);
        ui.line(table(["NAME", "READY", "ROLES", "VERSION", "PLATFORM", "APPS", "ADDRESSES"], rows))
    })
}

fn per_node(pods: &[Pod], namespace: &str) -> BTreeMap<String, Pods> {
    let mut nodes = BTreeMap::<_, Pods>::new();
    for pod in pods {
        let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()) else { continue };
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        // What has ended is not run there any more.
        if matches!(phase, Some("Succeeded" | "Failed")) {
            continue;
        }
        let pods = nodes.entry(node).or_default();
        if pod.namespace().as_deref() == Some(namespace) {
            pods.platform += 1;
        } else {
            pods.apps += 1;
        }
    }
    nodes
}

fn machine(node: &Node, pods: &BTreeMap<String, Pods>) -> Machine {
    let name = node.name_any();
    let status = node.status.clone().unwrap_or_default();
    let roles = node.labels().keys().filter_map(|key| key.strip_prefix(ROLE)).filter(|role| !role.is_empty());
    let addresses = status.addresses.unwrap_or_default();
    Machine {
        ready: status.conditions.iter().flatten().any(|it| it.type_ == "Ready" && it.status == "True"),
        schedulable: !node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false),
        roles: roles.map(str::to_owned).collect(),
        addresses: addresses.into_iter().map(|it| (it.type_, it.address)).collect(),
        version: status.node_info.map(|info| info.kubelet_version).unwrap_or_default(),
        pods: pods.get(&name).copied().unwrap_or_default(),
        name,
    }
}

fn row(machine: &Machine) -> [String; 7] {
    let ready = match (machine.ready, machine.schedulable) {
        (true, true) => "yes",
        (true, false) => "yes, cordoned",
        (false, true) => "no",
        (false, false) => "no, cordoned",
    };
    let roles = if machine.roles.is_empty() { "-".to_owned() } else { machine.roles.join(", ") };
    let mut addresses = machine.addresses.values().cloned().collect::<Vec<_>>();
    addresses.dedup();
    [
        machine.name.clone(),
        ready.to_owned(),
        roles,
        machine.version.clone(),
        machine.pods.platform.to_string(),
        machine.pods.apps.to_string(),
        addresses.join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn example() -> Machine {
        let pod = |namespace: &str, phase: &str| {
            from_value(json!({
                "metadata": { "name": "x", "namespace": namespace },
                "spec": { "nodeName": "one", "containers": [] }, "status": { "phase": phase },
            }))
            .unwrap()
        };
        let pods = [pod("deis", "Running"), pod("deis", "Succeeded"), pod("shop", "Running"), pod("blog", "Pending")];
        let info = json!({
            "architecture": "amd64", "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "", "kubeProxyVersion": "",
            "kubeletVersion": "v1.35.1", "machineID": "", "operatingSystem": "linux", "osImage": "", "systemUUID": "",
        });
        let node: Node = from_value(json!({
            "metadata": { "name": "one", "labels": { "node-role.kubernetes.io/control-plane": "", "zone": "a" } },
            "spec": { "unschedulable": true },
            "status": {
                "conditions": [{ "type": "Ready", "status": "True" }],
                "addresses": [{ "type": "InternalIP", "address": "10.0.0.1" }, { "type": "Hostname", "address": "one" }],
                "nodeInfo": info,
            },
        }))
        .unwrap();
        machine(&node, &per_node(&pods, "deis"))
    }

    #[test]
    fn a_node_is_shown_with_what_it_runs_of_ours() {
        let row = row(&example());
        assert_eq!(
            row,
            ["one", "yes, cordoned", "control-plane", "v1.35.1", "1", "2", "one, 10.0.0.1"].map(str::to_owned)
        );
    }

    #[test]
    fn a_document_names_the_kinds_of_addresses() {
        insta::assert_json_snapshot!(example());
    }
}
