//! `deis-images build`

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use deis_oci::Layout;

use crate::assemble::Assembly;
use crate::catalog::{self, Catalog};
use crate::debian::Roots;
use crate::record::{self, Made, Record};
use crate::sources::Places;
use crate::{names, report, values};

#[derive(clap::Args)]
pub struct Args {
    /// Only these images, and those that they carry; all by default
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Folder with the programs that cargo built
    #[arg(long, value_name = "DIR", default_value = "target/debug")]
    bin_dir: PathBuf,
    /// Folder with the programs that upstream/ built
    #[arg(long, value_name = "DIR")]
    upstream_dir: Option<PathBuf>,
    /// Folder for the layout; images.yaml in it holds the references for the chart
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    common: super::Common,
    /// Folder to keep installed packages in [default: ~/.cache/deis]
    #[arg(long, value_name = "DIR", env = "DEIS_CACHE")]
    cache: Option<PathBuf>,
}

impl Args {
    /// Makes the images whose inputs changed since the layout was written.
    pub fn run(self) -> Result<()> {
        let catalog = Catalog::load(&self.common.catalog)?;
        let folder = self.common.catalog.parent().context("the catalog has no folder")?;
        let places =
            Places { catalog: folder.to_owned(), programs: self.bin_dir.clone(), upstream: self.upstream_dir.clone() };
        let roots = Roots::new(&catalog, &self.cache()?);
        let layout = Layout::create(&self.out)?;
        let mut record = Record::load(&layout);

        for (name, image) in catalog.select(&self.only)? {
            let start = Instant::now();
            let changed =
                make(name, image, &places, &roots, &layout, &mut record).with_context(|| format!("image {name}"))?;
            if let Some(reference) = changed {
                report::line(format_args!("{reference} ({:.1} s)", start.elapsed().as_secs_f32()));
            }
        }
        record.retain(|name| catalog.images.contains_key(name));
        record.save(&layout)?;
        record.name_release(&layout)?;
        if self.only.is_empty() {
            layout.prune(|reference| record.names(reference))?;
        }
        values::write(&self.out.join(values::FILE), record.references())
    }

    fn cache(&self) -> Result<PathBuf> {
        if let Some(cache) = &self.cache {
            return Ok(cache.clone());
        }
        Ok(std::env::home_dir().context("there is no home folder; use --cache")?.join(".cache/deis"))
    }
}

/// Makes the image if it has to be made, and returns its new reference then.
fn make(
    name: &str,
    image: &catalog::Image,
    places: &Places,
    roots: &Roots<'_>,
    layout: &Layout,
    record: &mut Record,
) -> Result<Option<String>> {
    let below = image.root.as_ref().map(|root| roots.layers(root)).transpose()?.unwrap_or_default();
    let inputs = record::inputs(image, &below, places, record)?;
    if record.fresh(name, inputs, layout).is_some() {
        return Ok(None);
    }
    let made = Assembly { image, roots: &below, places, layout, record }.make()?;
    let digest = made.digest();
    let reference = names::content(name, digest);
    layout.add(&made, &reference)?;
    record.insert(name, Made { inputs, reference: reference.clone(), digest });
    record.save(layout)?;
    Ok(Some(reference))
}
