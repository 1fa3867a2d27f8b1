use deis_cli::{Failure, Ui};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;

use super::component;
use crate::cluster::ClusterArgs;
use crate::inventory::{PodStanding, look};
use crate::session;

/// Run a program in a component's first ready pod, on a terminal when this is one.
///
/// The program's exit code becomes that of deisctl.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// In whose pod.
    component: String,

    /// The program and its arguments. Without it, a shell.
    #[arg(value_name = "command", trailing_var_arg = true, allow_hyphen_values = true, default_values_t = ["sh".to_owned()])]
    command: Vec<String>,
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    let component = component(&args.component)?;
    let client = cluster.client().await?;
    let standing = look(&client, &cluster.namespace, component).await?;
    let Some(PodStanding { name, .. }) = standing.ready_pod() else {
        return Err(Failure::new(format!("no pod of component {} is ready", component.name))
            .hint(format!("`deisctl status {}` says more.", component.name)));
    };
    if session::is_interactive() {
        ui.warn(format_args!("In pod {name}."))?;
    }
    session::run(&Api::<Pod>::namespaced(client, &cluster.namespace), name, &args.command).await
}
