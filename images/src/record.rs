//! What the last run made of what, so that the next one does only what is left.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use deis_oci::{Digest, Image, Layout};
use serde::{Deserialize, Serialize};

use crate::catalog;
use crate::debian::RootLayer;
use crate::names;
use crate::sources::{self, Places};

/// The file beside the layout's own.
const FILE: &str = "deis-images.json";

/// Images by name.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Record(BTreeMap<String, Made>);

/// One image of the layout.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Made {
    /// Digest of everything that the image was made of.
    pub inputs: Digest,
    /// Its full name in the layout.
    pub reference: String,
    /// Its manifest.
    pub digest: Digest,
}

impl Record {
    /// Reads the record of a layout; one that cannot be read is an empty one.
    pub fn load(layout: &Layout) -> Self {
        let bytes = fs::read(layout.root().join(FILE)).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Writes the record into the layout's folder.
    pub fn save(&self, layout: &Layout) -> Result<()> {
        let path = layout.root().join(FILE);
        fs::write(&path, serde_json::to_vec_pretty(self)?).with_context(|| format!("writing {}", path.display()))
    }

    /// The image of that name, when it was made of `inputs` and is still there in full.
    pub fn fresh(&self, name: &str, inputs: Digest, layout: &Layout) -> Option<&Made> {
        let made = self.0.get(name).filter(|made| made.inputs == inputs)?;
        let image = layout.image(&made.reference).ok()?;
        let whole = image.layers().iter().all(|layer| layout.contains(&layer.digest));
        whole.then_some(made)
    }

    /// The last image of that name, and what it is called.
    pub fn image(&self, name: &str, layout: &Layout) -> Result<(String, Image)> {
        let made = self.0.get(name).with_context(|| format!("the image {name} was not made yet"))?;
        Ok((made.reference.clone(), layout.image_by_digest(&made.digest)?))
    }

    /// Notes an image.
    pub fn insert(&mut self, name: &str, made: Made) {
        self.0.insert(name.to_owned(), made);
    }

    /// Forgets images that the catalog has no more.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|name, _| keep(name));
    }

    /// Gives every image its second name, that of the release, where another or none has it.
    pub fn name_release(&self, layout: &Layout) -> Result<()> {
        let there = layout.images()?;
        for (name, made) in &self.0 {
            let release = names::release(name);
            if !there.iter().any(|(reference, digest)| *reference == release && *digest == made.digest) {
                layout.add(&layout.image_by_digest(&made.digest)?, &release)?;
            }
        }
        Ok(())
    }

    /// Whether that is a name of one of the images.
    pub fn names(&self, reference: &str) -> bool {
        self.0.iter().any(|(name, made)| made.reference == reference || names::release(name) == reference)
    }

    /// All images: name and full reference.
    pub fn references(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, made)| (name.as_str(), made.reference.as_str()))
    }
}

/// The digest of everything that an image is made of, without reading the big files.
pub fn inputs(image: &catalog::Image, roots: &[RootLayer], places: &Places, record: &Record) -> Result<Digest> {
    let roots: Vec<Digest> = roots.iter().map(|root| root.layer.digest).collect();
    let carried: Vec<Option<Digest>> = image.carries().map(|name| record.0.get(name).map(|made| made.digest)).collect();
    let all = (sources::own_program()?, image, roots, carried, places.stamps(image)?);
    Ok(Digest::of(&serde_json::to_vec(&all)?))
}
