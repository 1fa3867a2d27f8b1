//! Folders become the layers of the image.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use deis_oci::{LayerPath, Meta, Owner, Tree};
use deis_proto::builder::LayerStart;
use deis_proto::builder::pod_message::Message;

use crate::buildpack::Buildpack;
use crate::launch::Processes;
use crate::layers::Made;
use crate::report::Report;
use crate::upload::Upload;
use crate::{Failure, Folders, glob};

/// The user of app images.
pub(crate) const APP: Owner = Owner { uid: 1000, gid: 1000 };

/// Where things are in the image, wherever they are here.
const WORKSPACE: &str = "workspace";
const LAYERS: &str = "layers";

/// Sends the layers of an image: first what changes least.
pub(crate) fn export(
    built: &[(Buildpack, Made)],
    processes: &Processes,
    folders: &Folders,
    max_bytes: u64,
    report: &Report,
) -> Result<(), Failure> {
    let mut exporter = Exporter { report, upload: Upload::new(report, max_bytes, Message::LayerChunk) };
    for (buildpack, made) in built {
        for layer in made.layers.iter().filter(|layer| layer.types.launch) {
            let mut tree = Tree::new();
            let path = format!("{LAYERS}/{}/{}", buildpack.escaped_id(), layer.name);
            tree.add(&layer.folder, path_of(&path)?, APP).map_err(Failure::Layer)?;
            exporter.send(&format!("{}:{}", buildpack.id, layer.name), &tree)?;
        }
    }
    for (name, tree) in app(built, &folders.app)? {
        exporter.send(&name, &tree)?;
    }
    exporter.send("config", &config(built, processes)?)
}

/// The app's folder: a layer for each slice that a buildpack asks for, and one for the rest.
fn app(built: &[(Buildpack, Made)], app: &Path) -> Result<Vec<(String, Tree)>, Failure> {
    let mut trees = Vec::new();
    let mut taken = BTreeSet::new();
    for slice in built.iter().flat_map(|(_, made)| &made.launch.slices) {
        let mut tree = Tree::new();
        for pattern in &slice.path_globs {
            for path in glob::find(app, pattern).map_err(Failure::io("find the files of a slice"))? {
                add(&mut tree, app, &path, &taken)?;
                taken.insert(path);
            }
        }
        if !tree.is_empty() {
            trees.push((format!("slice-{}", trees.len() + 1), tree));
        }
    }
    let mut rest = Tree::new();
    add(&mut rest, app, Path::new(""), &taken)?;
    trees.push(("app".to_owned(), rest));
    Ok(trees)
}

/// Adds `path`, relative to the app's folder, without what is in a slice already.
fn add(tree: &mut Tree, app: &Path, path: &Path, taken: &BTreeSet<PathBuf>) -> Result<(), Failure> {
    if taken.iter().any(|taken| path.starts_with(taken)) {
        return Ok(());
    }
    let source = app.join(path);
    let target = path_of(WORKSPACE)?;
    let target = if path.as_os_str().is_empty() { target } else { target.join(path).map_err(Failure::Layer)? };
    if !taken.iter().any(|taken| taken.starts_with(path)) {
        return tree.add(&source, target, APP).map_err(Failure::Layer);
    }
    // Something below is taken, so this is a folder.
    tree.directory(target, Meta::directory(APP));
    for entry in fs::read_dir(&source).map_err(Failure::io("read the app's folder"))? {
        let entry = entry.map_err(Failure::io("read the app's folder"))?;
        add(tree, app, &path.join(entry.file_name()), taken)?;
    }
    Ok(())
}

/// What the launcher reads.
fn config(built: &[(Buildpack, Made)], processes: &Processes) -> Result<Tree, Failure> {
    let mut tree = Tree::new();
    let file = Meta::file(Owner::ROOT, false);
    for (process_type, content) in processes.files() {
        tree.file(path_of(&format!("{LAYERS}/config/processes/{process_type}"))?, file, content);
    }
    if let Some(default) = processes.default_type() {
        tree.file(path_of(&format!("{LAYERS}/config/default"))?, file, default.as_str());
    }
    let order = built.iter().map(|(buildpack, _)| buildpack.escaped_id() + "\n").collect::<String>();
    tree.file(path_of(&format!("{LAYERS}/config/buildpacks"))?, file, order);
    Ok(tree)
}

fn path_of(path: &str) -> Result<LayerPath, Failure> {
    LayerPath::parse(path).map_err(Failure::Layer)
}

struct Exporter<'a> {
    report: &'a Report,
    upload: Upload<'a>,
}

impl Exporter<'_> {
    fn send(&mut self, name: &str, tree: &Tree) -> Result<(), Failure> {
        self.report.send(Message::LayerStart(LayerStart { name: name.to_owned() }))?;
        let layer = self.upload.send(tree)?;
        self.report.send(Message::LayerEnd(layer))
    }
}
