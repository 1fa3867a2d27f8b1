//! `deis-node down`

use std::fs;

use anyhow::{Context, Result};
use clap::Args;
use deis_node::folder::Folder;
use deis_node::state::{self, Lock};
use deis_node::supervisor;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Keep the folder, so that the next `up` finds objects, images, volumes and logs again
    #[arg(long)]
    keep_data: bool,
    /// End all processes at once, as when the power fails; keeps the folder
    #[arg(long)]
    kill: bool,
}

pub(crate) async fn run(folder: &Folder, arguments: &Arguments) -> Result<()> {
    if !folder.path().exists() {
        return super::tell("no node to stop");
    }
    let _lock = match state::read(folder)? {
        Some(state) => {
            // The number is right: its process holds the lock.
            let signal = if arguments.kill { Signal::SIGKILL } else { Signal::SIGTERM };
            kill(Pid::from_raw(state.supervisor), signal).context("asking the supervisor to stop")?;
            Lock::wait(folder)?
        }
        None => {
            let lock = Lock::take(folder)?;
            supervisor::clean(folder).await?;
            lock
        }
    };
    if !arguments.keep_data && !arguments.kill {
        fs::remove_dir_all(folder.path()).with_context(|| format!("removing {}", folder.path().display()))?;
    }
    super::tell("the node is stopped")
}
