//! A public key file: `ssh-ed25519 AAAA… bob@host`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A key file that may be uploaded.
#[derive(Debug)]
pub struct PublicKey {
    pub path: PathBuf,
    /// The comment, else the file's name up to its first dot.
    pub id: String,
    pub text: String,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} is not a valid ssh key", .0.display())]
    NoKey(PathBuf),
    #[error("cannot read {}", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
}

impl PublicKey {
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => Error::NoKey(path.to_owned()),
            _ => Error::Unreadable(path.to_owned(), error),
        })?;
        Self::parse(path, text).ok_or_else(|| Error::NoKey(path.to_owned()))
    }

    fn parse(path: &Path, text: String) -> Option<Self> {
        let mut words = text.split_whitespace();
        let kind = words.next()?;
        let known = matches!(kind, "ssh-rsa" | "ssh-dss" | "ssh-ed25519") || kind.starts_with("ecdsa-");
        // The blob.
        words.next().filter(|_| known)?;
        let comment = words.collect::<Vec<_>>().join(" ");
        let id = if comment.is_empty() { file_name(path).split('.').next()?.to_owned() } else { comment };
        Some(Self { path: path.to_owned(), id, text })
    }

    pub fn file_name(&self) -> String {
        file_name(&self.path)
    }
}

/// What can be read as a public key there, by name; the folder may be missing.
pub fn found(folder: &Path) -> Vec<PublicKey> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut keys = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "pub"))
        .filter_map(|path| PublicKey::read(&path).ok())
        .collect::<Vec<_>>();
    keys.sort_by(|one, other| one.path.cmp(&other.path));
    keys
}

/// What makes it this key: its kind and the blob, without the comment.
pub fn material(text: &str) -> Option<(&str, &str)> {
    let mut words = text.split_whitespace();
    Some((words.next()?, words.next()?))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Option<String> {
        PublicKey::parse(Path::new("/home/bob/.ssh/id_work.old.pub"), text.to_owned()).map(|key| key.id)
    }

    #[test]
    fn the_id_is_the_comment_or_the_files_name() {
        assert_eq!(id("ssh-ed25519 AAAA bob@host\n").as_deref(), Some("bob@host"));
        assert_eq!(id("ecdsa-sha2-nistp256 AAAA\n").as_deref(), Some("id_work"));
    }

    #[test]
    fn other_files_are_no_keys() {
        for text in ["", "ssh-rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", "# ssh-rsa AAAA"] {
            assert_eq!(id(text), None, "{text}");
        }
    }
}
