use deis_cli::{Failure, Ui};
use futures_util::io::AsyncBufReadExt as _;
use futures_util::stream::TryStreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;

use super::component;
use crate::cluster::{ClusterArgs, KubeError};
use crate::inventory::look;
use crate::journal::follow;

/// Show the log of a component.
///
/// Followed, it goes on across restarts, new pods and lost connections, until Ctrl-C.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose log.
    component: String,

    /// Go on showing lines as they are written.
    #[arg(long, short)]
    follow: bool,

    /// How many lines of each pod.
    #[arg(long, short = 'n', value_name = "number", default_value_t = 40)]
    lines: u32,

    /// Those of the process before, after a restart.
    #[arg(long, conflicts_with = "follow")]
    previous: bool,
}

#[derive(Debug, thiserror::Error)]
enum JournalError {
    #[error("cannot read the log of pod {0}")]
    Open(String, #[source] KubeError),
    #[error("the log of pod {0} broke off")]
    Read(String, #[source] std::io::Error),
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    let component = component(&args.component)?;
    let client = cluster.client().await?;
    if args.follow {
        let pods = Api::namespaced(client, &cluster.namespace);
        return follow(pods, &component.selector(), args.lines, ui).await;
    }
    let standing = look(&client, &cluster.namespace, component).await?;
    if standing.pods.is_empty() {
        return Err(Failure::new(format!("component {} has no pod", component.name)));
    }
    let pods: Api<Pod> = Api::namespaced(client, &cluster.namespace);
    let params = LogParams { previous: args.previous, tail_lines: Some(args.lines.into()), ..LogParams::default() };
    let alone = standing.pods.len() == 1;
    let mut unread = Vec::new();
    for pod in &standing.pods {
        let prefix = if alone { String::new() } else { format!("{}: ", pod.name) };
        match show(&pods, &pod.name, &params, &prefix, ui).await {
            // One that has gone or has not started is no reason to keep from the person what the others say.
            Err(failure) if !alone && failure.cause::<JournalError>().is_some() => unread.push(failure),
            shown => shown?,
        }
    }
    for failure in &unread {
        ui.warn(failure.summary())?;
    }
    if unread.len() == standing.pods.len() {
        return Err(Failure::new(format!("no pod of component {} has a log to be read", component.name))
            .hint(format!("`deisctl status {}` says how they do.", component.name)));
    }
    Ok(())
}

async fn show(pods: &Api<Pod>, name: &str, params: &LogParams, prefix: &str, ui: &mut Ui) -> Result<(), Failure> {
    let log = pods.log_stream(name, params).await;
    let mut lines = log.map_err(|error| JournalError::Open(name.to_owned(), error.into()))?.lines();
    while let Some(line) = lines.try_next().await.map_err(|error| JournalError::Read(name.to_owned(), error))? {
        ui.line(format_args!("{prefix}{line}"))?;
    }
    Ok(())
}
