//! Paths inside a layer.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::{Error, Result};

/// The prefix of file names with which a layer deletes what is below it (`layer.md`, "Whiteouts"). A file of that name
/// cannot stand in an image.
pub(crate) const WHITEOUT: &str = ".wh.";

/// Longest path that is accepted: the kernel's `PATH_MAX`.
const MAX_LENGTH: usize = 4096;

/// A path in a layer: relative to the image's root, of plain components only, sorted so that a folder comes just before
/// what is in it. Not necessarily UTF-8, since file names are not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerPath(PathBuf);

impl LayerPath {
    /// Parses the bytes of a tar header or a literal: `workspace/web`, no leading slash, no `.` or `..`.
    pub fn parse(bytes: impl AsRef<[u8]>) -> Result<Self> {
        let bytes = bytes.as_ref();
        let refuse = |problem| Err(Error::Path { path: String::from_utf8_lossy(bytes).into_owned(), problem });
        if bytes.len() > MAX_LENGTH {
            return refuse("is too long");
        }
        if bytes.contains(&0) {
            return refuse("has a zero byte");
        }
        if bytes.starts_with(b"/") {
            return refuse("is absolute");
        }
        for component in bytes.split(|byte| *byte == b'/') {
            match component {
                b"" => return refuse("has an empty component"),
                b"." | b".." => return refuse("has a component that is not a name"),
                name if name.starts_with(WHITEOUT.as_bytes()) => return refuse("is a whiteout"),
                _ => {}
            }
        }
        Ok(Self(PathBuf::from(OsStr::from_bytes(bytes))))
    }

    /// This path with a relative one below it, as a folder walk gives it.
    pub fn join(&self, below: &Path) -> Result<Self> {
        Self::parse(self.0.join(below).as_os_str().as_bytes())
    }

    /// As a relative path of the file system.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// The folders that this path lies in, innermost first.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = &Path> {
        self.0.ancestors().skip(1).filter(|path| path.components().any(|part| part != Component::CurDir))
    }
}

impl fmt::Display for LayerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_taken() {
        for path in ["a", "workspace/web", "a b/ü", "..a/b..", ".profile.d/x", "a/.whx"] {
            assert_eq!(LayerPath::parse(path).unwrap().to_string(), path);
        }
        assert!(LayerPath::parse(b"not-utf8-\xff").is_ok());
    }

    #[test]
    fn everything_else_is_refused() {
        let long = "a/".repeat(2100) + "a";
        for path in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "a/../b",
            "a/..",
            ".",
            "./a",
            "a/./b",
            "a//b",
            "a/",
            "a\0b",
            ".wh.a",
            "a/.wh..wh..opq",
            &long,
        ] {
            assert!(LayerPath::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn folders_come_just_before_their_content() {
        let mut paths = ["a-b", "a/z", "a", "a.b"].map(|path| LayerPath::parse(path).unwrap());
        paths.sort();
        assert_eq!(paths.map(|path| path.to_string()), ["a", "a/z", "a-b", "a.b"]);
    }

    #[test]
    fn ancestors_are_the_folders_around() {
        let path = LayerPath::parse("a/b/c").unwrap();
        assert_eq!(path.ancestors().collect::<Vec<_>>(), [Path::new("a/b"), Path::new("a")]);
    }
}
