//! Making one image.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use deis_oci::{Compression, Image, ImageBuilder, LayerPath, Layout, Meta, Owner, Tree};

use crate::catalog::{self, Source};
use crate::debian::RootLayer;
use crate::exec;
use crate::sources::Places;

/// The images that others carry, with their names.
pub type Carried<'a> = dyn Fn(&str) -> Result<(String, Image)> + 'a;

/// Puts the image together and its layers into `layout`.
///
/// Layers are not compressed: they mostly go to a node on this machine, where packing and unpacking would take longer
/// than all the rest. The programs are stripped, which halves them.
pub fn assemble(
    image: &catalog::Image,
    roots: &[RootLayer],
    places: &Places,
    layout: &Layout,
    carried: &Carried<'_>,
) -> Result<Image> {
    let scratch = tempfile::tempdir()?;
    let mut tree = Tree::new();
    for (path, source) in &image.files {
        let to = LayerPath::parse(path.trim_start_matches('/'))?;
        add(&mut tree, to, source, image, places, layout, carried, scratch.path()).with_context(|| path.clone())?;
    }
    let (layer, blob) = tree.write(Compression::None, layout.writer()?)?;
    blob.commit(&layer)?;

    let mut builder = ImageBuilder::new();
    for root in roots {
        link(&root.blob, &layout.blob_path(&root.layer.digest))?;
        builder = builder.layer(root.layer, &format!("Debian packages: {}", root.packages));
    }
    let files: Vec<&str> = image.files.keys().map(String::as_str).collect();
    builder = builder.layer(layer, &files.join(" ")).user(&image.user).entrypoint(&image.entrypoint);
    if !image.env.contains_key("PATH") {
        builder = builder.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    }
    builder = image.env.iter().fold(builder, |builder, (name, value)| builder.env(name, value));
    builder = image.labels.iter().fold(builder, |builder, (name, value)| builder.label(name, value));
    builder = image.ports.iter().fold(builder, |builder, port| builder.port(*port));
    if let Some(folder) = &image.working_dir {
        builder = builder.working_dir(folder);
    }
    if let Some(signal) = &image.stop_signal {
        builder = builder.stop_signal(signal);
    }
    Ok(builder.build()?)
}

#[expect(clippy::too_many_arguments, reason = "a helper of one function, which has them all")]
fn add(
    tree: &mut Tree,
    to: LayerPath,
    source: &Source,
    image: &catalog::Image,
    places: &Places,
    layout: &Layout,
    carried: &Carried<'_>,
    scratch: &Path,
) -> Result<()> {
    let program = Meta::file(Owner::ROOT, true);
    match (source, places.find(source)?) {
        (Source::Program(name), Some(path)) => {
            let stripped = scratch.join(name);
            strip(&path, &stripped)?;
            tree.copy(to, program, stripped);
        }
        (Source::Upstream(_), Some(path)) => tree.copy(to, program, path),
        (_, Some(path)) if path.is_dir() => tree.add(&path, to, Owner::ROOT)?,
        (_, Some(path)) => {
            let executable = fs::metadata(&path)?.permissions().mode() & 0o100 != 0;
            tree.copy(to, Meta::file(Owner::ROOT, executable), path);
        }
        (Source::Link(target), _) => tree.symlink(to, target, Owner::ROOT),
        (Source::Image(name), _) => {
            let (reference, image) = carried(name)?;
            let folder = scratch.join(name);
            export(layout, &image, &reference, &folder)?;
            tree.add(&folder, to, Owner::ROOT)?;
        }
        _ => tree.directory(to, Meta::directory(image.owner()?)),
    }
    Ok(())
}

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
