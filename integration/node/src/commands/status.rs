//! `deis-node status`

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use deis_node::folder::Folder;
use deis_node::{DOMAIN, cluster, network, pki, state};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use serde::Serialize;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How to print it
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// What there is to know; paths and addresses are those that a started node would have.
#[derive(Serialize)]
struct Status {
    running: bool,
    ready: bool,
    directory: PathBuf,
    kubeconfig: PathBuf,
    logs: PathBuf,
    programs: Option<PathBuf>,
    address: &'static str,
    load_balancer_range: &'static str,
    domain: &'static str,
    /// A process to enter the node's namespaces by.
    namespaces: Option<u32>,
}

pub(crate) async fn run(folder: &Folder, arguments: &Arguments) -> Result<()> {
    let state = state::read(folder)?;
    let status = Status {
        running: state.is_some(),
        ready: state.is_some() && is_ready(folder).await.unwrap_or(false),
        directory: folder.path().to_owned(),
        kubeconfig: folder.kubeconfig(),
        logs: folder.logs(),
        programs: state.as_ref().map(|state| state.programs.clone()),
        address: network::NODE_ADDRESS,
        load_balancer_range: network::LOAD_BALANCER_RANGE,
        domain: DOMAIN,
        namespaces: state.and_then(|state| state.namespaces),
    };
    match arguments.output {
        Output::Json => super::print(&serde_json::to_string_pretty(&status)?),
        Output::Text => print_text(&status),
    }
}

/// One `name: value` a line; what is unknown is left out.
fn print_text(status: &Status) -> Result<()> {
    let fields = serde_json::to_value(status)?;
    for (name, value) in fields.as_object().context("a status is an object")? {
        match value {
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => super::print(&format!("{name}: {text}"))?,
            other => super::print(&format!("{name}: {other}"))?,
        }
    }
    Ok(())
}

/// The API server answers, and says that the kubelet is well.
async fn is_ready(folder: &Folder) -> Result<bool> {
    let client = cluster::client(folder).await?;
    if !cluster::is_ready(&client).await {
        return Ok(false);
    }
    let node = Api::<Node>::all(client).get_opt(pki::NODE_NAME).await?;
    Ok(cluster::node_is_ready(node.as_ref(), Timestamp::UNIX_EPOCH))
}
