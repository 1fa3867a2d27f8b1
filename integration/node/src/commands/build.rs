//! `deis-node build`

use anyhow::Result;
use deis_node::programs;

pub(crate) async fn run() -> Result<()> {
    let folder = programs::ensure_built().await?;
    super::print(&folder.to_string_lossy())
}
