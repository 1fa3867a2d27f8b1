//! `deis-node load`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use deis_node::Node;
use deis_node::folder::Folder;

#[derive(Args)]
pub(crate) struct Arguments {
    /// OCI image layouts: folders, or archives of them
    #[arg(required = true)]
    images: Vec<PathBuf>,
}

pub(crate) async fn run(folder: Folder, arguments: &Arguments) -> Result<()> {
    let containerd = Node::of(folder)?.containerd()?;
    for image in &arguments.images {
        let loaded = containerd.load(image).await?;
        super::tell(&format!("{}: {}", image.display(), if loaded { "loaded" } else { "there already" }))?;
    }
    Ok(())
}
