//! Layers as they come from the pod: kept on disk, and read before anything is done with them.

use std::fs::File;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use deis_bootstrap::Tasks;
use deis_oci::{Compression, Layer, LayerPath};
use deis_proto::builder::LayerEnd;
use tokio::io::AsyncWriteExt as _;

use crate::Error;

/// Where an app's layers may have files.
const ROOTS: [&str; 2] = ["workspace", "layers"];

const MAX_LAYERS: usize = 64;

/// A layer that was read to its end and is harmless.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) name: String,
    pub(super) layer: Layer,
    pub(super) path: PathBuf,
}

/// Takes the layers of one build.
pub(super) struct Intake<'a> {
    folder: &'a Path,
    tasks: &'a Tasks,
    limit: u64,
    left: u64,
    current: Option<Current>,
    pub(super) layers: Vec<Checked>,
}

struct Current {
    name: String,
    path: PathBuf,
    file: tokio::fs::File,
}

impl<'a> Intake<'a> {
    pub(super) fn new(folder: &'a Path, limit: u64, tasks: &'a Tasks) -> Self {
        Self { folder, tasks, limit, left: limit, current: None, layers: Vec::new() }
    }

    pub(super) async fn start(&mut self, name: String) -> Result<(), Error> {
        if self.current.is_some() {
            return Err(Error::Protocol("a layer inside of a layer"));
        }
        if self.layers.len() == MAX_LAYERS {
            return Err(Error::Protocol("too many layers"));
        }
        let path = self.folder.join(self.layers.len().to_string());
        let file = tokio::fs::File::create(&path).await.map_err(Error::io("store a layer"))?;
        // It becomes a line of the image's history.
        let name = name.chars().filter(|character| !character.is_control()).take(200).collect();
        self.current = Some(Current { name, path, file });
        Ok(())
    }

    pub(super) async fn chunk(&mut self, bytes: &Bytes) -> Result<(), Error> {
        let current = self.current.as_mut().ok_or(Error::Protocol("bytes of no layer"))?;
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or(Error::TooLarge { what: "The image", limit: self.limit })?;
        current.file.write_all(bytes).await.map_err(Error::io("store a layer"))
    }

    /// Reads the whole layer and compares it with what the pod says about it.
    pub(super) async fn end(&mut self, end: LayerEnd) -> Result<(), Error> {
        let Current { name, path, mut file } = self.current.take().ok_or(Error::Protocol("the end of no layer"))?;
        file.flush().await.map_err(Error::io("store a layer"))?;
        let claimed = Layer {
            digest: end.digest.parse().map_err(Error::Layer)?,
            diff_id: end.diff_id.parse().map_err(Error::Layer)?,
            size: end.size.try_into().map_err(|_| Error::Protocol("a layer of negative size"))?,
            compression: Compression::Gzip,
        };
        let limits = deis_oci::Limits {
            roots: ROOTS.map(LayerPath::parse).into_iter().collect::<Result<_, _>>().map_err(Error::Layer)?,
            packed: self.limit,
            ..deis_oci::Limits::default()
        };
        let opened = path.clone();
        let check = move || {
            let file = File::open(opened).map_err(deis_oci::Error::Stream)?;
            let checked = deis_oci::check_layer(file, Compression::Gzip, &limits)?;
            checked.expect(&claimed).map(|()| checked)
        };
        let checked = self.tasks.blocking("check layer", check).await?.map_err(Error::Layer)?;
        self.layers.push(Checked { name, layer: checked.layer, path });
        Ok(())
    }

    pub(super) fn is_whole(&self) -> bool {
        self.current.is_none() && !self.layers.is_empty()
    }
}
