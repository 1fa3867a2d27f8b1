//! Where the files of images are on this machine.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
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
    /// A program that cargo built.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        existing(self.programs.join(name), "build the workspace first")
    }

    /// A program that `upstream/` built.
    pub fn upstream(&self, name: &str) -> Result<PathBuf> {
        let upstream = self.upstream.as_ref().with_context(|| format!("{name} needs --upstream-dir"))?;
        existing(upstream.join(name), "build upstream/ first")
    }

    /// A file or folder beside the catalog.
    pub fn file(&self, path: &Path) -> Result<PathBuf> {
        existing(self.catalog.join(path), "the catalog names it")
    }

    /// The state of every file that goes into the image, to tell without reading whether one changed.
    pub fn stamps(&self, image: &Image) -> Result<Vec<Stamp>> {
        let mut stamps = Vec::new();
        for source in image.files.values() {
            let path = match source {
                Source::Program(name) => self.program(name)?,
                Source::Upstream(name) => self.upstream(name)?,
                Source::File(path) => self.file(path)?,
                Source::Link(_) | Source::Directory | Source::Image(_) => continue,
            };
            stamp(&path, &mut stamps).with_context(|| format!("reading {}", path.display()))?;
        }
        Ok(stamps)
    }
}

fn existing(path: PathBuf, hint: &str) -> Result<PathBuf> {
    ensure!(path.exists(), "{} is missing: {hint}", path.display());
    Ok(path)
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

/// The state of this program: what it makes of the same files may differ from what an older one made.
pub fn own_program() -> Result<Vec<Stamp>> {
    let mut stamps = Vec::new();
    stamp(&std::env::current_exe()?, &mut stamps)?;
    Ok(stamps)
}

fn stamp(path: &Path, stamps: &mut Vec<Stamp>) -> Result<()> {
    let metadata = fs::metadata(path)?;
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
    }
    Ok(())
}
