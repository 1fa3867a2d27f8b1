//! `deis-images list`

use anyhow::Result;

use crate::catalog::Catalog;
use crate::{report, values};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    common: super::Common,
}

impl Args {
    /// Prints name, chart value, root and files of each image.
    pub fn run(self) -> Result<()> {
        let catalog = Catalog::load(&self.common.catalog)?;
        for (name, image) in &catalog.images {
            let root = image.root.as_deref().unwrap_or("-");
            report::line(format_args!("{name:16} images.{:16} {root:12} user {}", values::key(name), image.user));
            for (path, source) in &image.files {
                report::line(format_args!("    {path} = {}", String::from(source.clone())));
            }
        }
        Ok(())
    }
}
