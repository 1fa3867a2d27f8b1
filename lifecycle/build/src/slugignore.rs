//! `.slugignore`: files of the repository that no build sees, such as designs and test data.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::report::Report;
use crate::{Failure, glob};

const FILE: &str = ".slugignore";

const MAX_SIZE: u64 = 64 * 1024;

/// Removes what the patterns name from the app's folder.
pub(crate) fn apply(app: &Path, report: &Report) -> Result<(), Failure> {
    let removed = match read(app).map_err(Failure::io("read .slugignore"))? {
        Some(text) => remove(app, &patterns(&text)).map_err(Failure::io("remove what .slugignore names"))?,
        None => return Ok(()),
    };
    match removed {
        0 => Ok(()),
        1 => report.title("Left out 1 file or folder that .slugignore names"),
        _ => report.title(&format!("Left out {removed} files and folders that .slugignore names")),
    }
}

/// The file's text; none when there is no such file. What is not UTF-8 or beyond 64 KiB names nothing.
fn read(app: &Path) -> io::Result<Option<String>> {
    let path = app.join(FILE);
    match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_file() => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => return Ok(None),
    }
    let mut bytes = Vec::new();
    fs::File::open(&path)?.take(MAX_SIZE).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// One pattern a line; empty lines and those that begin with `#` are none.
struct Pattern<'a> {
    /// It begins with a slash: only from the app's folder on.
    anchored: bool,
    /// It ends with a slash: only a folder.
    folder: bool,
    text: &'a [u8],
}

fn patterns(text: &str) -> Vec<Pattern<'_>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(Pattern::parse).filter(|pattern| !pattern.text.is_empty()).collect()
}

impl<'a> Pattern<'a> {
    fn parse(line: &'a str) -> Self {
        let text = line.trim_matches('/').as_bytes();
        Self { anchored: line.starts_with('/'), folder: line.ends_with('/'), text }
    }

    /// `path` is relative to the app's folder. As with tar, a pattern may begin at any folder and a star may stand for several.
    fn names(&self, path: &[u8], is_folder: bool) -> bool {
        if self.folder && !is_folder {
            return false;
        }
        let starts = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(index, _)| index + 1);
        let starts = std::iter::once(0).chain(starts.filter(|_| !self.anchored));
        starts.into_iter().any(|start| path.get(start..).is_some_and(|tail| glob::matches(self.text, tail)))
    }
}

/// Removes files and folders; how many. Links are removed, never followed.
fn remove(app: &Path, patterns: &[Pattern<'_>]) -> io::Result<usize> {
    let mut removed = 0;
    let mut pending = vec![app.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, is_folder) = (entry.path(), entry.file_type()?.is_dir());
            let relative = OsStr::as_bytes(path.strip_prefix(app).unwrap_or(&path).as_os_str());
            if patterns.iter().any(|pattern| pattern.names(relative, is_folder)) {
                if is_folder {
                    fs::remove_dir_all(&path)?;
                } else {
                    fs::remove_file(&path)?;
                }
                removed += 1;
            } else if is_folder {
                pending.push(path);
            }
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(text: &str, files: &[&str]) -> Vec<String> {
        let app = tempfile::tempdir().unwrap();
        for file in files {
            let path = app.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        remove(app.path(), &patterns(text)).unwrap();
        files.iter().filter(|file| app.path().join(file).exists()).map(|file| (*file).to_owned()).collect()
    }

    #[test]
    fn patterns_leave_out_files_and_folders() {
        let files = ["a.psd", "art/b.psd", "docs/x/y", "sub/docs/z", "keep", "test/one", "lib/test/two"];
        for (text, gone) in [
            ("*.psd", &["a.psd", "art/b.psd"][..]),
            ("docs", &["docs/x/y", "sub/docs/z"]),
            ("/docs", &["docs/x/y"]),
            ("docs/x", &["docs/x/y"]),
            ("/test/\n\n# keep\nkeep/", &["test/one"]),
            ("art/*\r\n", &["art/b.psd"]),
            ("../keep\n/\n//", &[]),
        ] {
            let left = left(text, &files);
            let expected = files.iter().filter(|file| !gone.contains(file)).collect::<Vec<_>>();
            assert_eq!(left.iter().collect::<Vec<_>>(), expected, "{text:?}");
        }
    }

    #[test]
    fn only_a_file_is_read_and_links_are_not_followed() {
        let app = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("precious"), "").unwrap();
        std::os::unix::fs::symlink(outside.path(), app.path().join("link")).unwrap();
        assert_eq!(remove(app.path(), &patterns("precious")).unwrap(), 0);
        assert_eq!(remove(app.path(), &patterns("link")).unwrap(), 1);
        assert!(outside.path().join("precious").exists());
        std::os::unix::fs::symlink("/etc/passwd", app.path().join(FILE)).unwrap();
        assert!(read(app.path()).unwrap().is_none());
    }
}
