use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rand::Rng as _;

use crate::kubernetes::PullKey;

/// The folder of a controller that runs by itself: its ledger and its key. One process has it at a time.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process has it.
    #[error("another controller works in {0}")]
    InUse(PathBuf),
    /// It cannot be read or written.
    #[error("{path} cannot be used")]
    Io {
        /// What cannot be used.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Folder {
    /// Makes the folder, for this user alone, or takes the one that is there.
    ///
    /// # Errors
    /// Another process has it, or it cannot be written.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| FolderError::Io { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed(path))?;
        let lock_path = path.join("lock");
        let lock = private().truncate(false).open(&lock_path).map_err(failed(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => Self { path: path.to_owned(), _lock: lock }.closed(),
            Err(TryLockError::WouldBlock) => Err(FolderError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(&lock_path)(source)),
        }
    }

    /// Makes the ledger's file before SQLite does, which would let others read it; its other files are made like the first.
    fn closed(self) -> Result<Self, FolderError> {
        let path = self.ledger();
        match private().truncate(false).open(&path) {
            Ok(_made) => Ok(self),
            Err(source) => Err(FolderError::Io { path, source }),
        }
    }

    /// The file of the ledger.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.path.join("ledger.sqlite")
    }

    /// The key from which the pull passwords of apps are made; a new one the first time.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn pull_key(&self) -> Result<PullKey, FolderError> {
        let path = self.path.join("pull.key");
        let failed = |source| FolderError::Io { path: path.clone(), source };
        if !path.exists() {
            let mut key = [0_u8; 32];
            rand::rng().fill_bytes(&mut key);
            // Whole or not at all.
            let new = self.path.join("pull.key.new");
            let mut file = private().truncate(true).open(&new).map_err(failed)?;
            file.write_all(&key).and_then(|()| file.sync_all()).map_err(failed)?;
            fs::rename(&new, &path).map_err(failed)?;
        }
        Ok(PullKey::from(fs::read(&path).map_err(failed)?))
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn one_process_has_the_folder_and_the_key_stays() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let folder = Folder::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        drop(folder.pull_key().unwrap());
        let key = fs::read(path.join("pull.key")).unwrap();
        assert_eq!(key.len(), 32);
        assert_eq!(fs::metadata(path.join("pull.key")).unwrap().mode() & 0o777, 0o600);

        assert_eq!(fs::metadata(folder.ledger()).unwrap().mode() & 0o777, 0o600);

        let refused = Folder::open(&path).unwrap_err();
        assert_eq!(refused.to_string(), format!("another controller works in {}", path.display()));
        drop(folder);
        drop(Folder::open(&path).unwrap().pull_key().unwrap());
        assert_eq!(fs::read(path.join("pull.key")).unwrap(), key);
    }
}
