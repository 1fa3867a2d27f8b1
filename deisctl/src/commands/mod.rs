//! One file for each command.

pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod diagnose;
pub(crate) mod dock;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod install;
pub(crate) mod journal;
pub(crate) mod list;
pub(crate) mod machines;
pub(crate) mod restart;
pub(crate) mod restore;
pub(crate) mod rolling_restart;
pub(crate) mod scale;
pub(crate) mod ssh;
pub(crate) mod status;
pub(crate) mod uninstall;
pub(crate) mod upgrade;

use deis_cli::{Failure, Ui, closest};
use kube::Client;

use crate::cli::{Cli, Command};
use crate::components::{COMPONENTS, Component, find};
use crate::inventory::{Counts, look};

pub(crate) async fn run(cli: Cli, ui: &mut Ui) -> Result<(), Failure> {
    let cluster = &cli.cluster;
    match cli.command {
        Command::Install(args) => install::run(args, cluster, ui).await,
        Command::Upgrade(args) => upgrade::run(args, cluster, ui).await,
        Command::Status(args) => status::run(args, cluster, ui).await,
        Command::Doctor(args) => doctor::run(args, cluster, ui).await,
        Command::Explain(args) => explain::run(args, cluster, ui).await,
        Command::Diagnose(args) => diagnose::run(args, cluster, ui).await,
        Command::List(args) => list::run(args, cluster, ui).await,
        Command::Journal(args) => journal::run(args, cluster, ui).await,
        Command::Config(args) => config::run(args, cluster, ui).await,
        Command::Backup(args) => backup::run(args, cluster, ui).await,
        Command::Dock(args) => dock::run(args, cluster, ui).await,
        Command::Machines(args) => machines::run(args, cluster, ui).await,
        Command::Restart(args) => restart::run(args, cluster, ui).await,
        Command::Restore(args) => restore::run(args, cluster, ui).await,
        Command::RollingRestart(args) => rolling_restart::run(args, cluster, ui).await,
        Command::Scale(args) => scale::run(args, cluster, ui).await,
        Command::Ssh(args) => ssh::run(args, cluster, ui).await,
        Command::Uninstall(args) => uninstall::run(args, cluster, ui).await,
        Command::Init(args) => init::run(args, cluster, ui).await,
        Command::Completions(args) => completions::run(args, ui),
    }
}

/// The component that the operator names.
fn component(name: &str) -> Result<&'static Component, Failure> {
    find(name).ok_or_else(|| {
        let failure = Failure::new(format!("there is no component {name}"));
        match closest(name, COMPONENTS.iter().map(|component| component.name)) {
            Some(meant) => failure.hint(format!("Did you mean {meant}?")),
            None => failure.hint("`deisctl list` shows all components."),
        }
    })
}

/// The pods of a component that is to be changed.
async fn installed(client: &Client, namespace: &str, component: &Component) -> Result<Counts, Failure> {
    let standing = look(client, namespace, component).await?;
    let missing = || Failure::new(format!("component {} is not installed", component.name)).hint("deisctl install");
    standing.workload.ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_has_its_short_and_its_full_name() {
        assert_eq!(component("router").unwrap().name, "router");
        assert_eq!(component("deis-registry-proxy").unwrap().name, "registry-proxy");
        let failure = format!("{:?}", component("ruoter").unwrap_err());
        assert!(
            failure.contains("there is no component ruoter") && failure.contains("Did you mean router?"),
            "{failure}"
        );
    }
}
