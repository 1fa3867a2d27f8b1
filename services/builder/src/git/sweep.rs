//! What a git that was killed leaves in a repository, and the next one stumbles over.

use std::io;
use std::path::Path;

/// Folders with the objects of a push that was not decided (`tmp-objdir.c` of git; the second name is that of older ones).
const QUARANTINES: [&str; 2] = ["tmp_objdir-", "incoming-"];

/// Removes quarantined objects, and locks that nobody holds. Only while no git runs in the repository.
pub(super) fn repository(path: &Path) -> io::Result<()> {
    remove(&path.join("objects"), |name| QUARANTINES.iter().any(|prefix| name.starts_with(prefix)))?;
    let is_lock = |name: &str| name.ends_with(".lock") || name == "gc.pid";
    // No ref is elsewhere: only branches without a slash are built.
    [path, &path.join("refs"), &path.join("refs/heads")].into_iter().try_for_each(|folder| remove(folder, is_lock))
}

fn remove(folder: &Path, is_left: impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if is_left(&entry.file_name().to_string_lossy()) {
            tracing::info!(path = %entry.path().display(), "removing what a git that was killed left behind");
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}
