//! Folders become layers, and layers go to the builder.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use deis_oci::{Compression, LayerPath, Meta, Owner, Tree};
use deis_proto::builder::pod_message::Message;
use deis_proto::builder::{LayerEnd, LayerStart};

use crate::buildpack::Buildpack;
use crate::launch::Processes;
use crate::layers::Made;
use crate::report::Report;
use crate::{Failure, Folders, glob};

/// The user of app images.
const APP: Owner = Owner { uid: 1000, gid: 1000 };

/// Most bytes that a message carries.
const CHUNK: usize = 64 * 1024;

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
    let mut exporter = Exporter { report, left: max_bytes, max_bytes };
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
    left: u64,
    max_bytes: u64,
}

impl Exporter<'_> {
    fn send(&mut self, name: &str, tree: &Tree) -> Result<(), Failure> {
        self.report.send(Message::LayerStart(LayerStart { name: name.to_owned() }))?;
        let mut stream =
            LayerStream { report: self.report, buffer: Vec::with_capacity(CHUNK), left: self.left, broken: None };
        let written = tree.write(Compression::Gzip, &mut stream).map(|(layer, _)| layer);
        let LayerStream { left, broken, .. } = stream;
        let layer = match (written, broken) {
            (Ok(layer), _) => layer,
            (Err(_), Some(Broken::Full)) => return Err(Failure::TooLarge { limit_mib: self.max_bytes >> 20 }),
            (Err(_), Some(Broken::Gone(failure))) => return Err(failure),
            (Err(error), None) => return Err(Failure::Layer(error)),
        };
        self.left = left;
        let size = i64::try_from(layer.size).unwrap_or(i64::MAX);
        let (digest, diff_id) = (layer.digest.to_string(), layer.diff_id.to_string());
        self.report.send(Message::LayerEnd(LayerEnd { digest, diff_id, size }))
    }
}

/// Writes a layer as messages; the archive's writer flushes it at the end.
struct LayerStream<'a> {
    report: &'a Report,
    buffer: Vec<u8>,
    left: u64,
    broken: Option<Broken>,
}

enum Broken {
    Full,
    Gone(Failure),
}

impl LayerStream<'_> {
    fn break_with(&mut self, broken: Broken) -> io::Error {
        self.broken = Some(broken);
        io::ErrorKind::BrokenPipe.into()
    }
}

impl Write for LayerStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK - self.buffer.len();
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        let Some(left) = self.left.checked_sub(taken.len() as u64) else { return Err(self.break_with(Broken::Full)) };
        self.left = left;
        self.buffer.extend_from_slice(taken);
        let count = taken.len();
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = Bytes::from(std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK)));
        self.report.send(Message::LayerChunk(chunk)).map_err(|failure| self.break_with(Broken::Gone(failure)))
    }
}
