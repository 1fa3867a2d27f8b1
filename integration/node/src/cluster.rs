//! The node's Kubernetes, seen by a client.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::folder::Folder;

/// A client with the administrator's rights, whatever `KUBECONFIG` says.
pub async fn client(folder: &Folder) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(folder.kubeconfig()).context("reading the node's kubeconfig")?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// Whether the API server says that it is ready.
pub async fn is_ready(client: &Client) -> bool {
    match http::Request::get("/readyz").body(Vec::new()) {
        Ok(request) => client.request_text(request).await.is_ok(),
        Err(_) => false,
    }
}

/// Whether the kubelet has said, at `since` or later, that the node is Ready. A kept folder holds the word of a kubelet
/// that is long gone.
pub fn node_is_ready(node: Option<&Node>, since: Timestamp) -> bool {
    let conditions = node.and_then(|node| node.status.as_ref()).and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| {
        let heard = condition.last_heartbeat_time.as_ref().is_some_and(|time| time.0 >= since);
        condition.type_ == "Ready" && condition.status == "True" && heard
    })
}
