//! What a git that was killed leaves in a repository, and the next one stumbles over.

use std::fs::DirEntry;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Folders with the objects of a push that was not decided (`tmp-objdir.c` of git; the second name is that of older ones).
const QUARANTINES: [&str; 2] = ["tmp_objdir-", "incoming-"];

/// A draft that is older is nobody's: no push and no restore lasts so long.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes quarantined objects, and locks that nobody holds. Only while no git runs in the repository.
pub(super) fn repository(path: &Path) -> io::Result<()> {
    remove(&path.join("objects"), |name, _| QUARANTINES.iter().any(|prefix| name.starts_with(prefix)))?;
    let is_lock = |name: &str, _: &DirEntry| name.ends_with(".lock") || name == "gc.pid";
    // No ref is elsewhere: only branches without a slash are built.
    [path, &path.join("refs"), &path.join("refs/heads")].into_iter().try_for_each(|folder| remove(folder, is_lock))
}

/// Removes the drafts that nobody finishes: of the operator's tools, and of builders before those that have folders of their own.
pub(crate) fn abandoned(data: &Path) -> io::Result<()> {
    let is_old = |entry: &DirEntry| {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > ABANDONED))
    };
    // No app's name begins so.
    remove(&data.join("repositories"), |name, entry| name.starts_with('.') && is_old(entry))?;
    ["spool", "sockets"].into_iter().try_for_each(|folder| remove(&data.join(folder), |_, entry| is_old(entry)))
}

fn remove(folder: &Path, is_left: impl Fn(&str, &DirEntry) -> bool) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if is_left(&entry.file_name().to_string_lossy(), &entry) {
            tracing::info!(path = %entry.path().display(), "removing what somebody who was killed left behind");
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}
