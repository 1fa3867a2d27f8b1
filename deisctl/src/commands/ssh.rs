use deis_cli::{Failure, Ui};
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{ListParams, PostParams};
use kube::runtime::wait::{Condition, await_condition};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use crate::cluster::{ClusterArgs, KubeError};
use crate::components::find;
use crate::deadline::within;
use crate::inventory::look;
use crate::rollout::MANAGER;
use crate::session;
use crate::stop::Stop;

/// Run a program on a node, as root, or a shell: through a privileged pod there, which is removed afterwards.
///
/// The program's exit code becomes that of deisctl.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A node, or a component: then the node of its first pod.
    #[arg(value_name = "machine|component")]
    target: String,

    /// The program and its arguments. Without it, a shell.
    #[arg(value_name = "command", trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Runs on every node, so that its image is on each already. It has a shell, as all of ours.
const ON_EVERY_NODE: &str = "deis-registry-proxy";
/// Label of the pods, by which those that a killed deisctl left are found. They are no part of the platform: no `heritage`.
const LABEL: (&str, &str) = ("app", "deis-node-shell");
/// A pod that nobody removes ends by itself.
const LONGEST_SECONDS: u32 = 8 * 3600;
const START_LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
enum SshError {
    #[error("cannot list the nodes")]
    Nodes(#[source] KubeError),
    #[error("cannot look at DaemonSet {ON_EVERY_NODE}, whose image is used")]
    Image(#[source] KubeError),
    #[error("cannot make a pod on node {0}")]
    Create(String, #[source] KubeError),
    #[error("lost sight of pod {0}")]
    Wait(String, #[source] kube::runtime::wait::Error),
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    let client = cluster.client().await?;
    let (node, address) = node(&client, cluster, &args.target).await?;
    let image = image(&client, &cluster.namespace).await?;
    let pods: Api<Pod> = Api::namespaced(client, &cluster.namespace);
    sweep(&pods, ui).await?;
    // Before there is a pod: a signal that comes while it is made does not leave it behind.
    let mut stop = Stop::listen()?;
    #[expect(clippy::disallowed_methods, reason = "the operator's own pod; no deploy holds a fence on it")]
    let created = pods.create(&params(), &shell_pod(&node, &image)?).await;
    let pod = created.map_err(|error| SshError::Create(node.clone(), error.into()))?.name_any();
    // On a terminal Ctrl-C goes to the program over there.
    let worked = stop.unless(work(&pods, &pod, &args.command, &address, ui), Failure::ended).await;
    let removed = deis_kube::delete::named(&pods, &pod).await;
    if let Err(error) = removed {
        let remove = format!("kubectl -n {} delete pod {pod}", cluster.namespace);
        let told = ui.warn(format_args!("Pod {pod} is still there ({error}); remove it: {remove}"));
        return worked.and(told.map_err(Failure::from));
    }
    worked
}

async fn work(pods: &Api<Pod>, pod: &str, command: &[String], address: &str, ui: &mut Ui) -> Result<(), Failure> {
    match within(START_LIMIT, await_condition(pods.clone(), pod, has_started())).await {
        Some(Ok(Some(started))) if phase(&started) == Some("Running") => {}
        Some(Ok(seen)) => return Err(not_started(pod, seen)),
        Some(Err(error)) => return Err(SshError::Wait(pod.to_owned(), error).into()),
        None => return Err(not_started(pod, pods.get_opt(pod).await.ok().flatten())),
    }
    if !command.is_empty() {
        ui.warn(format_args!("Executing '{}' on {address}", command.join(" ")))?;
    }
    let shell = || ["sh".to_owned(), "-l".to_owned()].to_vec();
    let command = if command.is_empty() { shell() } else { command.to_vec() };
    let on_node = ["chroot", "/host"].map(str::to_owned).into_iter().chain(command).collect::<Vec<_>>();
    session::run(pods, pod, &on_node).await
}

/// It runs, or never will.
fn has_started() -> impl Condition<Pod> {
    |pod: Option<&Pod>| pod.is_none_or(|pod| matches!(phase(pod), Some("Running" | "Failed" | "Succeeded")))
}

fn phase(pod: &Pod) -> Option<&str> {
    pod.status.as_ref().and_then(|status| status.phase.as_deref())
}

/// The kubelet says why it does not take a pod; otherwise the container's state must do.
fn not_started(name: &str, pod: Option<Pod>) -> Failure {
    let Some(pod) = pod else { return Failure::new(format!("somebody has deleted pod {name}")) };
    let refused = pod.status.as_ref().and_then(|status| Some((status.reason.clone()?, status.message.clone())));
    let why = match refused {
        Some((reason, message)) => format!("{reason}: {}", message.unwrap_or_default()),
        None => format!("it is {}", deis_kube::pod_state::of(&pod)),
    };
    Failure::new(format!("pod {name} does not start on the node, {why}"))
        .hint("`deisctl doctor` says what is wrong with nodes.")
}

/// The node that is meant, and its address.
async fn node(client: &Client, cluster: &ClusterArgs, target: &str) -> Result<(String, String), Failure> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await;
    let nodes = nodes.map_err(|error| SshError::Nodes(error.into()))?;
    let named =
        |name: &str| nodes.iter().find(|node| node.name_any() == name).map(|node| (node.name_any(), address(node)));
    if let Some(found) = named(target) {
        return Ok(found);
    }
    let Some(component) = find(target) else {
        return Err(Failure::new(format!("{target} is neither a node nor a component"))
            .hint("`deisctl machines` and `deisctl list` show them all."));
    };
    let standing = look(client, &cluster.namespace, component).await?;
    let pod = standing.ready_pod().or_else(|| standing.pods.first());
    let found = pod.and_then(|pod| pod.node.as_deref()).and_then(named);
    found.ok_or_else(|| Failure::new(format!("component {} has no pod on a node", component.name)))
}

/// The address by which the cluster knows it.
fn address(node: &Node) -> String {
    let addresses = node.status.iter().flat_map(|status| status.addresses.iter().flatten());
    let internal = addresses.clone().find(|address| address.type_ == "InternalIP");
    internal.or_else(|| addresses.clone().next()).map_or_else(|| node.name_any(), |address| address.address.clone())
}

async fn image(client: &Client, namespace: &str) -> Result<String, Failure> {
    let api: Api<DaemonSet> = Api::namespaced(client.clone(), namespace);
    let found = api.get_opt(ON_EVERY_NODE).await.map_err(|error| SshError::Image(error.into()))?;
    let container = found.and_then(|found| found.spec?.template.spec?.containers.into_iter().next());
    container.and_then(|container| container.image).ok_or_else(|| {
        Failure::new(format!(
            "the platform is not installed: there is no DaemonSet {ON_EVERY_NODE}, whose image is used"
        ))
        .hint("`kubectl debug node/<name> -it --image=<image>` works without the platform.")
    })
}

/// Removes pods that have ended: those of a deisctl that could not do so.
async fn sweep(pods: &Api<Pod>, ui: &mut Ui) -> Result<(), Failure> {
    let ours = ListParams::default().labels(&format!("{}={}", LABEL.0, LABEL.1));
    for pod in pods.list(&ours).await.map(|list| list.items).unwrap_or_default() {
        if matches!(phase(&pod), Some("Failed" | "Succeeded"))
            && deis_kube::delete::named(pods, &pod.name_any()).await.is_ok()
        {
            ui.warn(format_args!("Removed pod {}, which an earlier deisctl had left.", pod.name_any()))?;
        }
    }
    Ok(())
}

fn params() -> PostParams {
    PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() }
}

/// As `kubectl debug node` makes it: in the node's namespaces, with its files at `/host`.
fn shell_pod(node: &str, image: &str) -> Result<Pod, serde_json::Error> {
    let container = json!({
        "name": "shell",
        "image": image,
        "command": ["sleep", LONGEST_SECONDS.to_string()],
        "securityContext": { "privileged": true, "runAsUser": 0, "runAsGroup": 0 },
        "volumeMounts": [{ "name": "host", "mountPath": "/host" }],
    });
    serde_json::from_value(json!({
        "metadata": { "generateName": "deis-node-shell-", "labels": { LABEL.0: LABEL.1 } },
        "spec": {
            "nodeName": node,
            "hostPID": true,
            "hostNetwork": true,
            "hostIPC": true,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": LONGEST_SECONDS,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "tolerations": [{ "operator": "Exists" }],
            "containers": [container],
            "volumes": [{ "name": "host", "hostPath": { "path": "/" } }],
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pod_is_on_the_node_and_ends_by_itself() {
        insta::assert_yaml_snapshot!(shell_pod("one", "deis.local/deis/registry-proxy:0.1.0").unwrap());
    }
}
