use clap::{Parser, Subcommand};

use crate::cluster::ClusterArgs;
use crate::commands::{
    backup, completions, config, diagnose, dock, doctor, explain, init, install, journal, list, machines, restart,
    restore, rolling_restart, scale, ssh, status, uninstall, upgrade,
};

/// Operates Deis Workflow on a Kubernetes cluster.
#[derive(Debug, Parser)]
#[command(name = "deisctl", version, arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Install(install::Args),
    Upgrade(upgrade::Args),
    Status(status::Args),
    Doctor(doctor::Args),
    Explain(explain::Args),
    Diagnose(diagnose::Args),
    List(list::Args),
    Journal(journal::Args),
    Config(config::Args),
    Scale(scale::Args),
    Restart(restart::Args),
    RollingRestart(rolling_restart::Args),
    Machines(machines::Args),
    Dock(dock::Args),
    Ssh(ssh::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Uninstall(uninstall::Args),
    Init(init::Args),
    Completions(completions::Args),
}
