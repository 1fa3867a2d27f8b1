//! A layer's content, gathered in any order and written in one.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::path::LayerPath;
use super::writer::{LayerWriter, Meta, Owner};
use super::{Compression, Layer};
use crate::{Error, Result};

/// Files, folders and symbolic links that will be a layer. File content stays on disk until the layer is written.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: BTreeMap<LayerPath, Node>,
}

#[derive(Debug)]
enum Node {
    Directory(Meta),
    File(Meta, Content),
    Symlink(PathBuf, Owner),
}

#[derive(Debug)]
enum Content {
    Bytes(Vec<u8>),
    OnDisk(PathBuf),
}

impl Tree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Adds an empty folder.
    pub fn directory(&mut self, path: LayerPath, meta: Meta) {
        self.nodes.insert(path, Node::Directory(meta));
    }

    /// Adds a file with content from memory.
    pub fn file(&mut self, path: LayerPath, meta: Meta, content: impl Into<Vec<u8>>) {
        self.nodes.insert(path, Node::File(meta, Content::Bytes(content.into())));
    }

    /// Adds a file with content from disk.
    pub fn copy(&mut self, path: LayerPath, meta: Meta, source: impl Into<PathBuf>) {
        self.nodes.insert(path, Node::File(meta, Content::OnDisk(source.into())));
    }

    /// Adds a symbolic link.
    pub fn symlink(&mut self, path: LayerPath, target: impl Into<PathBuf>, owner: Owner) {
        self.nodes.insert(path, Node::Symlink(target.into(), owner));
    }

    /// Adds the folder `source` as `path`, with all that is in it. Symbolic links are kept, not followed; the only
    /// permission kept is whether a file may be executed; everything belongs to `owner`.
    ///
    /// # Errors
    /// What is neither file, folder nor symbolic link (sockets, devices) cannot stand in an app's layer, nor can a
    /// file whose name begins with `.wh.`.
    pub fn add(&mut self, source: &Path, path: LayerPath, owner: Owner) -> Result<()> {
        let mut pending = vec![(source.to_owned(), path)];
        while let Some((source, path)) = pending.pop() {
            let metadata = fs::symlink_metadata(&source).map_err(Error::read(&source))?;
            if metadata.is_dir() {
                for entry in fs::read_dir(&source).map_err(Error::read(&source))? {
                    let entry = entry.map_err(Error::read(&source))?;
                    pending.push((entry.path(), path.join(Path::new(&entry.file_name()))?));
                }
            }
            let node = Node::read(source, &metadata, &path, owner)?;
            self.nodes.insert(path, node);
        }
        Ok(())
    }

    /// Writes the layer to `writer`, in the order of paths, and gives the writer back.
    pub fn write<W: Write>(&self, compression: Compression, writer: W) -> Result<(Layer, W)> {
        let mut layer = LayerWriter::new(writer, compression);
        for (path, node) in &self.nodes {
            match node {
                Node::Directory(meta) => layer.directory(path, *meta)?,
                Node::Symlink(target, owner) => layer.symlink(path, target, *owner)?,
                Node::File(meta, Content::Bytes(bytes)) => {
                    layer.file(path, *meta, bytes.len() as u64, bytes.as_slice())?;
                }
                Node::File(meta, Content::OnDisk(source)) => {
                    let file = File::open(source).map_err(Error::read(source))?;
                    let size = file.metadata().map_err(Error::read(source))?.len();
                    layer.file(path, *meta, size, file)?;
                }
            }
        }
        layer.finish()
    }
}

impl Node {
    fn read(source: PathBuf, metadata: &Metadata, path: &LayerPath, owner: Owner) -> Result<Self> {
        let kind = metadata.file_type();
        if kind.is_dir() {
            Ok(Self::Directory(Meta::of(metadata, owner)))
        } else if kind.is_file() {
            Ok(Self::File(Meta::of(metadata, owner), Content::OnDisk(source)))
        } else if kind.is_symlink() {
            let target = fs::read_link(&source).map_err(Error::read(&source))?;
            Ok(Self::Symlink(target, owner))
        } else {
            Err(Error::Entry { path: path.to_string(), problem: "is neither file, folder nor symbolic link" })
        }
    }
}
