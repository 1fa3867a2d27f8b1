use deis_cli::{Failure, Ui, ask};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::DeleteParams;
use kube::runtime::conditions::is_deleted;
use kube::runtime::wait::await_condition;
use kube::{Api, ResourceExt as _};

use super::install::HelmArgs;
use crate::cluster::{ClusterArgs, KubeError};

/// Take the platform away. Apps go on running, but nothing leads to them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Also delete the namespace with all volumes and secrets: accounts, releases, repositories and images are lost.
    #[arg(long)]
    purge: bool,

    /// The namespace again, instead of being asked to type it.
    #[arg(long, value_name = "namespace", requires = "purge")]
    confirm: Option<String>,

    #[command(flatten)]
    helm: HelmArgs,
}

#[derive(Debug, thiserror::Error)]
enum UninstallError {
    #[error("cannot delete namespace {0}")]
    Delete(String, #[source] KubeError),
    #[error("lost sight of namespace {0} while it was being deleted")]
    Wait(String, #[source] kube::runtime::wait::Error),
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    let namespace = &cluster.namespace;
    if args.purge {
        confirm(&args, namespace, ui)?;
    }
    let uninstall = ["uninstall", "--wait", "--ignore-not-found", &args.helm.release];
    args.helm.run(uninstall.into_iter().map(Into::into).collect(), cluster).await?;
    if args.purge {
        let progress = ui.progress(format!("Deleting namespace {namespace}... "))?;
        purge(cluster).await?;
        progress.done("done")?;
    } else {
        ui.line(format_args!("Volumes and secrets stay in namespace {namespace}; with --purge they go as well."))?;
    }
    Ok(())
}

fn confirm(args: &Args, namespace: &str, ui: &mut Ui) -> Result<(), Failure> {
    let typed = match &args.confirm {
        Some(name) => name.clone(),
        None => {
            ui.warn(format_args!(
                "This deletes namespace {namespace}: all accounts, releases, repositories and images of the platform."
            ))?;
            ask("Type the namespace's name to go on:", "--confirm")?
        }
    };
    if typed == namespace {
        Ok(())
    } else {
        Err(Failure::new(format!("{typed} is not {namespace}; nothing was deleted")))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the operator's own deletion; no deploy holds a fence on the platform"
)]
async fn purge(cluster: &ClusterArgs) -> Result<(), Failure> {
    let name = &cluster.namespace;
    let namespaces: Api<Namespace> = Api::all(cluster.client().await?);
    let deleted = |error: kube::Error| UninstallError::Delete(name.clone(), error.into());
    let Some(namespace) = namespaces.get_opt(name).await.map_err(deleted)? else {
        return Ok(());
    };
    namespaces.delete(name, &DeleteParams::default()).await.map_err(deleted)?;
    let uid = namespace.uid().unwrap_or_default();
    await_condition(namespaces, name, is_deleted(&uid))
        .await
        .map_err(|error| UninstallError::Wait(name.clone(), error))?;
    Ok(())
}
