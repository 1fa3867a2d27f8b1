//! Where the files of images are on this machine.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::catalog::{Image, Source};

/// The folders that sources are looked for in.
#[derive(Clone, Debug)]
pub struct Places {
    /// The catalog's folder.
    pub catalog: PathBuf,
    /// Programs that cargo built.
    pub programs: PathBuf,
    /// Programs that `upstream/` built.
    pub upstream: Option<PathBuf>,
}

impl Places {
    /// The path of a source on this machine; none for what is made on the way.
    pub fn find(&self, source: &Source) -> Result<Option<PathBuf>> {
        let (path, hint) = match source {
            Source::Program(name) => (self.programs.join(name), "build the workspace first"),
            Source::Upstream(name) => {
                let upstream = self.upstream.as_ref().context("it needs --upstream-dir")?;
                (upstream.join(name), "build upstream/ first")
            }
            Source::File(path) => (self.catalog.join(path), "the catalog names it"),
            Source::Link(_) | Source::Directory | Source::Image(_) => return Ok(None),
        };
        ensure!(path.exists(), "{} is missing: {hint}", path.display());
        Ok(Some(path))
    }

    /// The state of every file that goes into the image, to tell without reading whether one changed.
    pub fn stamps(&self, image: &Image) -> Result<Vec<Stamp>> {
        let mut stamps = Vec::new();
        for source in image.files.values() {
            let Some(path) = self.find(source)? else { continue };
            stamp(&path, &mut stamps).with_context(|| format!("reading {}", path.display()))?;
        }
        Ok(stamps)
    }
}

/// What the file system says about a file; it changes when the content does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    path: PathBuf,
    inode: u64,
    size: u64,
    mode: u32,
    modified: (i64, i64),
}

fn stamp(path: &Path, stamps: &mut Vec<Stamp>) -> Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    stamps.push(Stamp {
        path: path.to_owned(),
        inode: metadata.ino(),
        size: metadata.size(),
        mode: metadata.mode(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    });
    if metadata.is_dir() {
        let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        entries.sort();
        for entry in entries {
            stamp(&entry, stamps)?;
        }
    } else if metadata.is_symlink() && path.exists() {
        bail!("symbolic links as sources are not supported");
    }
    Ok(())
}
