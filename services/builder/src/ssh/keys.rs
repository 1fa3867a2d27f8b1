//! The host keys.

use std::fs;
use std::io;
use std::path::Path;

use russh::keys::{PrivateKey, decode_secret_key};

/// A host key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot be read")]
    Read(#[from] io::Error),
    #[error("{0} is not a private key")]
    Key(String, #[source] Box<russh::keys::Error>),
}

/// Reads all private keys of a folder, by name. Kubernetes keeps the files of a Secret behind links whose names begin
/// with a dot.
pub(crate) fn load(folder: &Path) -> Result<Vec<PrivateKey>, KeyError> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    let mut keys = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || name.ends_with(".pub") || !path.is_file() {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        keys.push(decode_secret_key(&text, None).map_err(|error| KeyError::Key(name, Box::new(error)))?);
    }
    Ok(keys)
}
