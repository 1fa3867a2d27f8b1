//! What a running node says about itself, in the file that its supervisor keeps locked.
//!
//! The lock answers "does it run?" without a doubt: the kernel releases it when the supervisor ends, however it ends, and
//! whoever waits for the lock waits for exactly that. No process number is ever trusted without it.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::folder::Folder;

/// The text of the lock file.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct State {
    /// The supervisor, which may be asked to stop.
    pub supervisor: i32,
    /// A process that stands in the node's network and mount namespaces, as the machine numbers it, once there is one.
    pub namespaces: Option<u32>,
    /// The folder of the programs in use.
    pub programs: PathBuf,
    /// Whether the node has been ready.
    pub ready: bool,
}

/// The right to be this folder's one node.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// Takes the lock.
    ///
    /// # Errors
    /// When another supervisor holds it.
    pub fn take(folder: &Folder) -> Result<Self> {
        match Self::try_take(folder)? {
            Some(lock) => Ok(lock),
            None => bail!("a node runs from {} already", folder.path().display()),
        }
    }

    /// Takes the lock if nobody has it.
    pub fn try_take(folder: &Folder) -> Result<Option<Self>> {
        let file = open(folder)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).context("locking"),
        }
    }

    /// Waits until the running node is gone.
    pub fn wait(folder: &Folder) -> Result<Self> {
        let file = open(folder)?;
        file.lock().context("waiting for the lock")?;
        Ok(Self(file))
    }

    /// Replaces what the running node says.
    pub fn write(&mut self, state: &State) -> Result<()> {
        self.0.rewind()?;
        self.0.set_len(0)?;
        // One write: a reader sees the old text, the new one or none.
        self.0.write_all(&serde_json::to_vec(state)?)?;
        Ok(())
    }
}

/// What the running node says; nothing if none runs.
pub fn read(folder: &Folder) -> Result<Option<State>> {
    if !folder.lock().exists() || Lock::try_take(folder)?.is_some() {
        return Ok(None);
    }
    let mut text = String::new();
    open(folder)?.read_to_string(&mut text)?;
    // A supervisor that has just taken the lock has not spoken yet.
    Ok(serde_json::from_str(&text).ok())
}

fn open(folder: &Folder) -> Result<File> {
    let path = folder.lock();
    let file = File::options().create(true).read(true).write(true).truncate(false).open(&path);
    file.with_context(|| format!("opening {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_counts_only_while_the_lock_is_held() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::new(temporary.path());
        assert!(read(&folder).unwrap().is_none());

        let mut lock = Lock::take(&folder).unwrap();
        assert!(read(&folder).unwrap().is_none());
        let state = State { supervisor: 7, namespaces: Some(8), programs: "/programs".into(), ready: false };
        lock.write(&state).unwrap();
        lock.write(&State { ready: true, ..state }).unwrap();
        let found = read(&folder).unwrap().unwrap();
        assert!(found.ready && found.supervisor == 7);
        assert_eq!(
            Lock::take(&folder).unwrap_err().to_string(),
            format!("a node runs from {} already", temporary.path().display())
        );

        drop(lock);
        assert!(read(&folder).unwrap().is_none());
    }
}
