//! Making one image.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use deis_oci::{Compression, Image, ImageBuilder, Layer, LayerPath, Layout, Meta, Owner, Tree};

use crate::catalog::{self, Source};
use crate::debian::RootLayer;
use crate::exec;
use crate::record::Record;
use crate::sources::Places;

/// Where programs are looked for when the catalog says nothing else.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Makes one image; its layers go into `layout`.
pub struct Assembly<'a> {
    pub image: &'a catalog::Image,
    /// The layers below, lowest first.
    pub roots: &'a [RootLayer],
    pub places: &'a Places,
    pub layout: &'a Layout,
    /// The images that this one carries, which are there already.
    pub record: &'a Record,
}

impl Assembly<'_> {
    /// Layers are not compressed: they mostly go to a node on this machine, where packing and unpacking would take
    /// longer than all the rest.
    pub fn make(&self) -> Result<Image> {
        for root in self.roots {
            link(&root.blob, &self.layout.blob_path(&root.layer.digest))?;
        }
        let scratch = tempfile::tempdir()?;
        let tree = self.tree(scratch.path())?;
        let (layer, blob) = tree.write(Compression::None, self.layout.writer()?)?;
        blob.commit(&layer)?;
        Ok(self.describe(layer).build()?)
    }

    /// The image's own files.
    fn tree(&self, scratch: &Path) -> Result<Tree> {
        let mut tree = Tree::new();
        for (path, source) in &self.image.files {
            let to = LayerPath::parse(path.trim_start_matches('/'))?;
            self.add(&mut tree, to, source, scratch).with_context(|| path.clone())?;
        }
        Ok(tree)
    }

    fn add(&self, tree: &mut Tree, to: LayerPath, source: &Source, scratch: &Path) -> Result<()> {
        match source {
            Source::Program(name) => {
                let stripped = scratch.join(name);
                strip(&self.places.program(name)?, &stripped)?;
                tree.copy(to, Meta::file(Owner::ROOT, true), stripped);
            }
            Source::Upstream(name) => tree.copy(to, Meta::file(Owner::ROOT, true), self.places.upstream(name)?),
            Source::File(path) => tree.add(&self.places.file(path)?, to, Owner::ROOT)?,
            Source::Link(target) => tree.symlink(to, target, Owner::ROOT),
            Source::Directory => tree.directory(to, Meta::directory(self.image.owner()?)),
            Source::Image(name) => {
                let (reference, image) = self.record.image(name, self.layout)?;
                let folder = scratch.join(name);
                export(self.layout, &image, &reference, &folder)?;
                tree.add(&folder, to, Owner::ROOT)?;
            }
        }
        Ok(())
    }

    fn describe(&self, own: Layer) -> ImageBuilder {
        let image = self.image;
        let mut builder = ImageBuilder::new().env("PATH", PATH);
        for root in self.roots {
            builder = builder.layer(root.layer, &format!("Debian packages: {}", root.packages));
        }
        let files: Vec<&str> = image.files.keys().map(String::as_str).collect();
        builder = builder.layer(own, &files.join(" ")).user(&image.user).entrypoint(&image.entrypoint);
        builder = image.env.iter().fold(builder, |builder, (name, value)| builder.env(name, value));
        builder = image.labels.iter().fold(builder, |builder, (name, value)| builder.label(name, value));
        builder = image.ports.iter().fold(builder, |builder, port| builder.port(*port));
        if let Some(folder) = &image.working_dir {
            builder = builder.working_dir(folder);
        }
        if let Some(signal) = &image.stop_signal {
            builder = builder.stop_signal(signal);
        }
        builder
    }
}

/// Without symbols and line numbers a program is half as big.
fn strip(program: &Path, to: &Path) -> Result<()> {
    let arguments = ["-o".as_ref(), to.as_os_str(), program.as_os_str()];
    let status = exec::command("strip", arguments).status().context("starting strip")?;
    ensure!(status.success(), "strip {} failed: {status}", program.display());
    Ok(())
}

/// Makes a layout in `folder` with one image of `layout`.
fn export(layout: &Layout, image: &Image, reference: &str, folder: &Path) -> Result<()> {
    let target = Layout::create(folder)?;
    for layer in image.layers() {
        link(&layout.blob_path(&layer.digest), &target.blob_path(&layer.digest))?;
    }
    Ok(target.add(image, reference)?)
}

/// Gives a blob another name; copies it when that is on another file system.
fn link(from: &Path, to: &Path) -> Result<()> {
    if to.exists() || fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    Ok(())
}
