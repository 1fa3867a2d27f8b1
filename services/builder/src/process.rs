//! The builders that share the volume: each process has a folder of its own on it, and holds that folder's lock while it lives.
//!
//! The lock (flock) is the one sign of life: the kernel gives it back however a process ends, on whichever node that was. A process
//! whose lock can be taken, or whose folder is gone, is dead, and so is nobody's what bears its name: its folder, its build pods, its
//! push locks. On a file system of several nodes locks have to hold across nodes.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::Notify;

/// The file in a process's folder that is locked.
const LOCK: &str = "lock";
/// Locked while a process begins, or the dead are looked for: nobody takes one that begins for a dead one.
const ROLL: &str = ".lock";
/// Longest value of a label in Kubernetes, which names of processes are.
const MAX_NAME: usize = 63;

/// This process, as those see it who share the volume.
#[derive(Debug)]
pub struct Process {
    /// The folders of all processes.
    all: PathBuf,
    holder: String,
    sockets: PathBuf,
    /// Locked from the beginning to the end.
    _lock: File,
    dead_met: Notify,
}

impl Process {
    /// Begins: from now on this process is alive. `data` is the volume, `sockets` a folder of the machine.
    ///
    /// # Errors
    /// A folder cannot be made, or the file system has no locks.
    pub fn begin(data: &Path, sockets: &Path, pod_name: &str) -> io::Result<Self> {
        let all = data.join("processes");
        fs::create_dir_all(&all)?;
        let holder = name(pod_name);
        let folder = all.join(&holder);
        let _roll = locked(&all.join(ROLL))?;
        for name in ["", "spool", "drafts"] {
            fs::create_dir(folder.join(name))?;
        }
        let lock = locked(&folder.join(LOCK))?;
        let sockets = sockets.join(&holder);
        fs::create_dir_all(&sockets)?;
        Ok(Self { all, holder, sockets, _lock: lock, dead_met: Notify::new() })
    }

    /// The name of this process, which no other one has, before or after it: the pod's name and a random part. It is a folder's name
    /// and a label's value.
    #[must_use]
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// What this process has for the moment, on the volume.
    pub(crate) fn folder(&self) -> PathBuf {
        self.all.join(&self.holder)
    }

    /// Where layers wait to be looked at.
    pub(crate) fn spool(&self) -> PathBuf {
        self.folder().join("spool")
    }

    /// Where repositories are made and removed: a repository is whole or not there.
    pub(crate) fn drafts(&self) -> PathBuf {
        self.folder().join("drafts")
    }

    /// Where the hooks of pushes ask; not on the volume, since a socket's path may have 108 bytes.
    pub(crate) fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// Whether the process of that name lives. What cannot be found out is no reason to take something from it.
    pub(crate) fn is_alive(&self, holder: &str) -> bool {
        if !is_name(holder) {
            return false;
        }
        // Shared, so that two who look do not take each other for the process.
        match File::open(self.all.join(holder).join(LOCK)).map(|lock| lock.try_lock_shared()) {
            Ok(Ok(())) => false,
            Ok(Err(TryLockError::WouldBlock)) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Ok(Err(TryLockError::Error(error))) | Err(error) => {
                tracing::warn!(%error, holder, "whether a builder lives cannot be found out");
                true
            }
        }
    }

    /// Removes what dead processes have left. It blocks.
    pub(crate) fn sweep(&self) -> io::Result<()> {
        let mut gone = Vec::new();
        {
            let _roll = locked(&self.all.join(ROLL))?;
            for entry in fs::read_dir(&self.all)? {
                let entry = entry?;
                let holder = entry.file_name().to_string_lossy().into_owned();
                if is_name(&holder) && !self.is_alive(&holder) {
                    let place = self.drafts().join(format!("of-{holder}"));
                    fs::rename(entry.path(), &place)?;
                    gone.push((holder, place));
                }
            }
        }
        for (holder, place) in gone {
            tracing::info!(holder, "removing what a builder that died has left");
            fs::remove_dir_all(place)?;
            // Of the same pod, if there are any.
            remove(&self.sockets.with_file_name(holder))?;
        }
        Ok(())
    }

    /// Says that something of a dead process is in the way.
    pub(crate) fn met_dead(&self) {
        self.dead_met.notify_one();
    }

    /// Waits until somebody has met something of a dead process.
    pub(crate) async fn dead_met(&self) {
        self.dead_met.notified().await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        for folder in [self.folder(), self.sockets.clone()] {
            if let Err(error) = remove(&folder) {
                tracing::warn!(%error, folder = %folder.display(), "the next builder removes what this one leaves");
            }
        }
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A file, made when there is none, and locked as long as it is open: waits for others who have it. What this process starts does
/// not inherit it.
pub(crate) fn locked(path: &Path) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    file.lock()?;
    Ok(file)
}

/// "deis-builder-5d4f8c7b9-x7k2p-1f3a5c7e".
fn name(pod_name: &str) -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    let id = id.get(..8).unwrap_or(&id);
    let pod =
        pod_name.chars().filter(|character| is_plain(*character)).take(MAX_NAME - id.len() - 1).collect::<String>();
    match pod.trim_matches('-') {
        "" => id.to_owned(),
        pod => format!("{pod}-{id}"),
    }
}

/// Whether somebody's word can be the name of a process: it becomes a path.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && text.chars().all(is_plain)
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(root: &Path) -> Process {
        Process::begin(&root.join("data"), &root.join("sockets"), "deis-builder-5d4f8c7b9-x7k2p").unwrap()
    }

    /// A process as it is when it was killed: its folder without its lock.
    fn dead(root: &Path) -> String {
        let process = std::mem::ManuallyDrop::new(begin(root));
        process._lock.unlock().unwrap();
        process.holder.clone()
    }

    #[test]
    fn a_process_lives_as_long_as_it_has_its_lock() {
        let root = tempfile::tempdir().unwrap();
        let (one, other) = (begin(root.path()), begin(root.path()));
        assert_ne!(one.holder(), other.holder());
        assert!(one.is_alive(one.holder()) && one.is_alive(other.holder()) && other.is_alive(one.holder()));
        let ended = other.holder().to_owned();
        drop(other);
        assert!(!one.is_alive(&ended) && !root.path().join("data/processes").join(&ended).exists());
        let killed = dead(root.path());
        assert!(!one.is_alive(&killed) && root.path().join("data/processes").join(&killed).exists());
    }

    #[test]
    fn what_the_dead_have_left_is_removed_and_nothing_of_the_living() {
        let root = tempfile::tempdir().unwrap();
        let killed = dead(root.path());
        let (one, other) = (begin(root.path()), begin(root.path()));
        let folder = root.path().join("data/processes").join(&killed);
        fs::create_dir_all(folder.join("drafts/of-another/spool")).unwrap();
        fs::write(folder.join("spool/layer"), "").unwrap();
        fs::write(other.spool().join("layer"), "").unwrap();
        one.sweep().unwrap();
        assert!(!folder.exists() && !root.path().join("sockets").join(&killed).exists());
        assert_eq!(fs::read_dir(one.drafts()).unwrap().count(), 0);
        assert!(other.spool().join("layer").exists() && one.is_alive(other.holder()));
        other.sweep().unwrap();
    }

    #[test]
    fn names_are_labels_and_folders() {
        for pod in ["deis-builder-5d4f8c7b9-x7k2p", &"a".repeat(100), "../..", "-", ""] {
            let name = name(pod);
            assert!(is_name(&name) && !name.starts_with('-') && !name.ends_with('-'), "{name}");
        }
        let root = tempfile::tempdir().unwrap();
        let process = begin(root.path());
        for text in ["", ".", "..", ".lock", "a/b", "../processes", "a\0", &"a".repeat(64)] {
            assert!(!is_name(text) && !process.is_alive(text), "{text:?}");
        }
    }
}
