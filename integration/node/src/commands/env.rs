//! `deis-node env`

use anyhow::Result;
use deis_node::Node;
use deis_node::folder::Folder;

pub(crate) fn run(folder: Folder) -> Result<()> {
    let node = Node::of(folder)?;
    super::print(&format!("export KUBECONFIG={}", quoted(&node.kubeconfig().to_string_lossy())))?;
    super::print(&format!("export PATH={}:\"$PATH\"", quoted(&node.programs().to_string_lossy())))
}

/// For a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
