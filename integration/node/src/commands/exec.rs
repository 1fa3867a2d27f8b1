//! `deis-node exec`

use anyhow::Result;
use clap::Args;
use deis_node::folder::Folder;
use deis_node::{Node, exec};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The program and its arguments: `deis-node exec -- iptables-save -t nat`
    #[arg(required = true, last = true)]
    command: Vec<String>,
}

/// Becomes the program, inside the node's network, mount and process namespaces.
pub(crate) fn run(folder: Folder, arguments: &Arguments) -> Result<()> {
    let namespaces = format!("/proc/{}/ns", Node::of(folder)?.namespaces()?);
    let mut args = vec![
        format!("--net={namespaces}/net"),
        format!("--mount={namespaces}/mnt"),
        format!("--pid={namespaces}/pid_for_children"),
        "--".to_owned(),
    ];
    args.extend(arguments.command.iter().cloned());
    Err(exec::become_program("nsenter", &args))
}
