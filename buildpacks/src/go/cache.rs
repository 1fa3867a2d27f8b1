//! The build image may hold a build cache with the standard library in it: without it every first build compiles that.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Made by `go build std` with this as `GOCACHE`.
const PREPARED: &str = "/usr/share/deis/go-build-cache";

/// Links the prepared entries into `cache`, where there is none of that name. Entries are files in folders of two
/// hexadecimal digits; links cost nothing, and the toolchain writes new entries beside them.
pub(crate) fn seed(cache: &Path) -> io::Result<()> {
    link_entries(Path::new(PREPARED), cache)
}

/// Takes the links out again: what is kept for the next build is the app's own, and the stack may be another one then.
pub(crate) fn unlink(cache: &Path) -> io::Result<()> {
    for folder in fs::read_dir(cache)? {
        let folder = folder?;
        if !folder.file_type()?.is_dir() {
            continue;
        }
        for entry in fs::read_dir(folder.path())? {
            let entry = entry?;
            if entry.file_type()?.is_symlink() {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

fn link_entries(prepared: &Path, cache: &Path) -> io::Result<()> {
    let Ok(folders) = fs::read_dir(prepared) else { return Ok(()) };
    for folder in folders {
        let folder = folder?;
        if !folder.file_type()?.is_dir() {
            continue;
        }
        let target = cache.join(folder.file_name());
        fs::create_dir_all(&target)?;
        for entry in fs::read_dir(folder.path())? {
            let entry = entry?;
            match symlink(entry.path(), target.join(entry.file_name())) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_linked_where_there_are_none() {
        let (prepared, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (path, content) in [("00/a-d", "prepared"), ("ff/b-d", "prepared"), ("README", "")] {
            let path = prepared.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::create_dir(cache.path().join("ff")).unwrap();
        fs::write(cache.path().join("ff/b-d"), "own").unwrap();
        link_entries(prepared.path(), cache.path()).unwrap();
        assert_eq!(fs::read_to_string(cache.path().join("00/a-d")).unwrap(), "prepared");
        assert_eq!(fs::read_to_string(cache.path().join("ff/b-d")).unwrap(), "own");
        link_entries(&prepared.path().join("missing"), cache.path()).unwrap();
        unlink(cache.path()).unwrap();
        assert!(fs::symlink_metadata(cache.path().join("00/a-d")).is_err());
        assert_eq!(fs::read_to_string(cache.path().join("ff/b-d")).unwrap(), "own");
    }
}
