//! `deis-node logs`

use anyhow::{Result, bail};
use clap::Args;
use deis_node::components;
use deis_node::exec;
use deis_node::folder::Folder;

#[derive(Args)]
pub(crate) struct Arguments {
    /// A process (`kubelet`), `supervisor`, `init`, or `audit` for the API server's audit log
    name: String,
    /// Go on with what is written from now on
    #[arg(long, short)]
    follow: bool,
}

pub(crate) fn run(folder: &Folder, arguments: &Arguments) -> Result<()> {
    let log = folder.log(&arguments.name);
    if !log.exists() {
        let names: Vec<&str> = components::all().iter().map(|component| component.name).collect();
        bail!("no log of that name; there are supervisor, init, audit, {}", names.join(", "));
    }
    let mut args = vec!["--lines=+1".to_owned(), log.to_string_lossy().into_owned()];
    if arguments.follow {
        args.insert(0, "--follow=name".to_owned());
    }
    Err(exec::become_program("tail", &args))
}
