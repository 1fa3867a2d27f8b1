//! The last good table on disk, so that a router can start while Kubernetes cannot be asked.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use deis_api::rest::Secret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::facts::{Certificate, Event, Service, Slice};

const VERSION: u32 = 1;

/// What a table was made from, without pods: their addresses are not used by a table from disk as long as a Service has its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    version: u32,
    services: Vec<Service>,
    slices: Vec<Slice>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

/// A saved table cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The file or its folder.
    #[error("the file of the last good table cannot be used")]
    File(#[from] io::Error),
    /// Its content.
    #[error("the last good table cannot be read")]
    Content(#[from] serde_json::Error),
    /// It is of a later kind than this program knows.
    #[error("the last good table has version {0}, known is {VERSION}")]
    Version(u32),
}

impl Saved {
    pub(super) fn new(services: Vec<Service>, slices: Vec<Slice>, settings: BTreeMap<String, String>) -> Self {
        Self { version: VERSION, services, slices, settings }
    }

    /// As the events that would have made it.
    pub fn into_events(self) -> impl Iterator<Item = Event> {
        let settings = std::iter::once(Event::Settings(self.settings));
        settings.chain(self.services.into_iter().map(Event::Service)).chain(self.slices.into_iter().map(Event::Slice))
    }

    /// Reads the file; `None` when there is none.
    ///
    /// # Errors
    /// It cannot be read, or is not what [`save`](Self::save) writes.
    pub fn load(path: &Path) -> Result<Option<Self>, DiskError> {
        read(path, |saved: &Self| saved.version)
    }

    /// Replaces the file as one: whoever reads it, after a crash too, finds the old table or the new one.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn save(&self, path: &Path) -> Result<(), DiskError> {
        replace(path, &serde_json::to_vec(self)?)
    }
}

/// The certificates of a table, with their keys: for a folder in memory, which goes with the pod. No disk is to keep them.
#[derive(Serialize, Deserialize)]
pub struct SavedCertificates {
    version: u32,
    certificates: Vec<SavedCertificate>,
}

#[derive(Serialize, Deserialize)]
struct SavedCertificate {
    secret: String,
    chain: String,
    key: Secret,
}

impl SavedCertificates {
    pub(super) fn new<'a>(certificates: impl Iterator<Item = &'a Arc<Certificate>>) -> Self {
        let certificates = certificates.map(|certificate| {
            let Certificate { secret, chain, key } = Certificate::clone(certificate);
            SavedCertificate { secret, chain, key: key.into() }
        });
        Self { version: VERSION, certificates: certificates.collect() }
    }

    /// As the events that would have made it.
    pub fn into_events(self) -> impl Iterator<Item = Event> {
        let certificates = self.certificates.into_iter();
        certificates.map(|saved| Event::Certificate(Certificate::new(saved.secret, saved.chain, saved.key.into())))
    }

    /// Reads the file; `None` when there is none.
    ///
    /// # Errors
    /// It cannot be read, or is not what [`save`](Self::save) writes.
    pub fn load(path: &Path) -> Result<Option<Self>, DiskError> {
        read(path, |saved: &Self| saved.version)
    }

    /// Replaces the file as one. Nobody else may read it.
    ///
    /// # Errors
    /// The folder has no room, or refuses.
    pub fn save(&self, path: &Path) -> Result<(), DiskError> {
        replace(path, &serde_json::to_vec(self)?)
    }
}

fn read<T: DeserializeOwned>(path: &Path, version: impl FnOnce(&T) -> u32) -> Result<Option<T>, DiskError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let saved = serde_json::from_slice(&text)?;
    match version(&saved) {
        VERSION => Ok(Some(saved)),
        other => Err(DiskError::Version(other)),
    }
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    // The rename itself lasts once the folder is on disk.
    Ok(File::open(folder)?.sync_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_table_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/table.json");
        assert!(Saved::load(&path).unwrap().is_none());

        let saved = Saved::new(Vec::new(), Vec::new(), BTreeMap::new());
        saved.save(&path).unwrap();
        assert_eq!(Saved::load(&path).unwrap(), Some(saved));

        fs::write(&path, "{\"version\":1,\"serv").unwrap();
        assert!(matches!(Saved::load(&path), Err(DiskError::Content(_))));
        fs::write(&path, "{\"version\":2,\"services\":[],\"slices\":[]}").unwrap();
        assert!(matches!(Saved::load(&path), Err(DiskError::Version(2))));
    }
}
