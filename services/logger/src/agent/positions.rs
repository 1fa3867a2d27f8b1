//! How far everything has been read, on disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::file::Identity;
use super::owner::Owner;

/// How far a source has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) owner: Owner,
    pub(crate) folder: PathBuf,
    /// Everything before this position is stored.
    pub(crate) acknowledged: u64,
    /// The files that were read last, oldest first, and the one that is being read.
    pub(crate) files: Vec<Identity>,
}

/// How far each source has been read.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Positions {
    pub(crate) sources: BTreeMap<String, Saved>,
}

impl Positions {
    /// Reads them; there are none before the first time. A file that is no positions is put aside: nothing is lost by reading all
    /// again, for the server knows what it has.
    pub(crate) fn load(path: &Path) -> io::Result<Self> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        match serde_json::from_slice(&bytes) {
            Ok(positions) => Ok(positions),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "the positions cannot be read, all is read again");
                fs::rename(path, path.with_extension("unreadable"))?;
                Ok(Self::default())
            }
        }
    }

    /// Writes them, all or nothing.
    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        fs::create_dir_all(folder)?;
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/positions");
        assert_eq!(Positions::load(&path).unwrap(), Positions::default());
        let owner = Owner {
            app: "a".parse().unwrap(),
            pod: "web-1".to_owned(),
            process: "web".to_owned(),
            release: "v2".to_owned(),
        };
        let saved = Saved { owner, folder: PathBuf::from("/x"), acknowledged: 7, files: Vec::new() };
        let positions = Positions { sources: [("u/web/0".to_owned(), saved)].into() };
        positions.save(&path).unwrap();
        positions.save(&path).unwrap();
        assert_eq!(Positions::load(&path).unwrap(), positions);
        std::fs::write(&path, "{").unwrap();
        assert_eq!(Positions::load(&path).unwrap(), Positions::default());
        assert!(path.with_extension("unreadable").exists());
    }
}
