//! What belongs to a cache.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use deis_oci::Digest;
use deis_proto::builder::CacheLayer;
use serde::{Deserialize, Serialize};

pub(super) const FILE: &str = "index.json";

/// A layer that is cached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// "deis/go".
    pub(crate) buildpack: String,
    pub(crate) name: String,
    /// What the buildpack finds beside the layer.
    pub(crate) metadata: String,
    pub(crate) digest: Digest,
    pub(crate) diff_id: Digest,
    /// Bytes, packed.
    pub(crate) size: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) layers: Vec<Entry>,
}

impl Index {
    /// None when there is none that can be read.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(FILE)).ok()?).ok()
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let draft = folder.join(".draft");
        fs::write(&draft, serde_json::to_vec(self)?)?;
        fs::rename(draft, folder.join(FILE))
    }

    /// When a build has used the cache last.
    pub(super) fn last_written(folder: &Path) -> io::Result<SystemTime> {
        fs::metadata(folder.join(FILE))?.modified()
    }

    pub(super) fn find(&self, layer: &CacheLayer) -> Option<&Entry> {
        self.layers.iter().find(|entry| entry.buildpack == layer.buildpack && entry.name == layer.name)
    }

    pub(super) fn size(&self) -> u64 {
        self.layers.iter().map(|entry| entry.size).sum()
    }
}
