//! Where backups are kept: a folder or a bucket of S3.

use std::path::PathBuf;
use std::sync::Arc;

use deis_api::Code;
use deis_cli::Failure;
use futures_util::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};

use super::archive::MANIFEST;

/// Stands in a backup that is not complete.
const CLAIM: &str = "INCOMPLETE";

#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    #[error("{0} is no place for backups: it is a folder or s3://bucket/prefix")]
    Unknown(String),
    #[error("cannot use {place}")]
    Open {
        place: String,
        #[source]
        source: object_store::Error,
    },
    #[error("cannot make folder {0}")]
    Make(PathBuf, #[source] std::io::Error),
    #[error("cannot list {place}")]
    List {
        place: String,
        #[source]
        source: object_store::Error,
    },
    #[error("another backup is being made in {0}")]
    Taken(String),
    #[error("there is no folder {0}")]
    NoFolder(String),
    #[error("there is no backup in {0}")]
    Empty(String),
    #[error("{0} is no backup: it has no {MANIFEST}, so it was never completed")]
    Incomplete(String),
}

impl PlaceError {
    /// With what to do next.
    pub(crate) fn told(self) -> Failure {
        let (code, hint) = match &self {
            Self::Unknown(_) => (Code::InvalidArgument, "A folder is named without a scheme."),
            Self::NoFolder(_) | Self::Empty(_) => (Code::NotFound, "`deisctl backup <destination>` writes one."),
            Self::Incomplete(_) => (Code::FailedPrecondition, "Delete it, and restore another."),
            Self::Taken(_) => (Code::AlreadyExists, "The time is its name: run this again in a second."),
            _ => return self.into(),
        };
        Failure::from(self).code(code.as_str()).hint(hint)
    }
}

/// A folder or a prefix in a bucket.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) prefix: Path,
    /// As the operator wrote it, without a slash at its end.
    name: String,
}

impl Place {
    /// A folder that is not there is made when it is `to_write`.
    pub(crate) fn parse(text: &str, to_write: bool) -> Result<Self, PlaceError> {
        let variables = std::env::vars_os();
        let variables =
            variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::parse_with(text, to_write, &variables.collect::<Vec<_>>())
    }

    pub(super) fn parse_with(text: &str, to_write: bool, variables: &[(String, String)]) -> Result<Self, PlaceError> {
        let name = text.trim_end_matches('/').to_owned();
        let open = |source| PlaceError::Open { place: name.clone(), source };
        let (store, prefix): (Arc<dyn ObjectStore>, _) = match text.split_once("://") {
            Some(("s3", address)) => {
                let (bucket, prefix) = address.split_once('/').unwrap_or((address, ""));
                if bucket.is_empty() {
                    return Err(PlaceError::Unknown(text.to_owned()));
                }
                (Arc::new(s3(bucket, variables).map_err(open)?), Path::parse(prefix.trim_matches('/')))
            }
            Some(_) => return Err(PlaceError::Unknown(text.to_owned())),
            None => {
                let folder = if name.is_empty() { PathBuf::from("/") } else { PathBuf::from(&name) };
                if to_write {
                    std::fs::create_dir_all(&folder).map_err(|error| PlaceError::Make(folder.clone(), error))?;
                } else if !folder.is_dir() {
                    return Err(PlaceError::NoFolder(name));
                }
                let store = LocalFileSystem::new_with_prefix(&folder).map_err(open)?;
                (Arc::new(store.with_automatic_cleanup(true).with_fsync(true)), Ok(Path::default()))
            }
        };
        let prefix = prefix.map_err(|error| open(error.into()))?;
        Ok(Self { store, prefix, name })
    }

    /// One backup in here.
    pub(crate) fn child(&self, name: &str) -> Self {
        Self { prefix: self.prefix.clone().join(name), name: format!("{}/{name}", self.name), ..self.clone() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The backup that this is, or the newest one in here; and those in here that were never completed.
    pub(crate) async fn newest(self) -> Result<(Self, Vec<String>), PlaceError> {
        if self.is_complete().await? {
            return Ok((self, Vec::new()));
        }
        let list = |source| PlaceError::List { place: self.name.clone(), source };
        let prefix = Some(&self.prefix).filter(|prefix| !prefix.is_root());
        let listed = self.store.list_with_delimiter(prefix).await.map_err(list)?;
        let mut names = listed.common_prefixes.iter().filter_map(Path::filename).map(str::to_owned).collect::<Vec<_>>();
        // The time is their name.
        names.retain(|name| is_timestamp(name));
        names.sort_unstable();
        let mut incomplete = Vec::new();
        for name in names.iter().rev() {
            let child = self.child(name);
            if child.is_complete().await? {
                return Ok((child, incomplete));
            }
            incomplete.push(child.name);
        }
        if !incomplete.is_empty() {
            return Err(PlaceError::Incomplete(incomplete.join(", ")));
        }
        let is_backup = self.prefix.filename().or_else(|| self.name.rsplit('/').next()).is_some_and(is_timestamp);
        Err(if is_backup { PlaceError::Incomplete(self.name) } else { PlaceError::Empty(self.name) })
    }

    /// Takes it for a backup that is to be made.
    pub(super) async fn claim(&self) -> Result<(), PlaceError> {
        let location = self.prefix.clone().join(CLAIM);
        let text = || PutPayload::from_static(b"This backup is being made, or was never completed.\n");
        let claimed = match self.store.put_opts(&location, text(), PutMode::Create.into()).await {
            // A service without conditions, of which AWS_CONDITIONAL_PUT=disabled tells.
            Err(object_store::Error::NotImplemented { .. }) => self.store.put(&location, text()).await,
            claimed => claimed,
        };
        match claimed {
            Ok(_) => {}
            Err(object_store::Error::AlreadyExists { .. }) => return Err(PlaceError::Taken(self.name.clone())),
            Err(source) => return Err(PlaceError::Open { place: self.name.clone(), source }),
        }
        if self.is_complete().await? {
            self.disclaim().await;
            return Err(PlaceError::Taken(self.name.clone()));
        }
        Ok(())
    }

    /// It is complete. A mark that stays does no harm.
    pub(super) async fn disclaim(&self) {
        let _stays = self.store.delete(&self.prefix.clone().join(CLAIM)).await;
    }

    async fn is_complete(&self) -> Result<bool, PlaceError> {
        match self.store.head(&self.prefix.clone().join(MANIFEST)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(PlaceError::List { place: self.name.clone(), source }),
        }
    }

    /// Removes all that is in here.
    pub(crate) async fn remove(&self) -> Result<(), PlaceError> {
        let files = self.store.list(Some(&self.prefix)).map_ok(|file| file.location);
        let deleted = self.store.delete_stream(Box::pin(files)).try_for_each(|_| async { Ok(()) }).await;
        deleted.map_err(|source| PlaceError::List { place: self.name.clone(), source })
    }
}

/// `20261128T150000Z`.
fn is_timestamp(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    digits == 14 && name.len() == 16 && name.as_bytes().get(8) == Some(&b'T') && name.ends_with('Z')
}

/// Endpoint, region and credentials are those of the standard variables. Without TLS it speaks with this machine alone, unless
/// `AWS_ALLOW_HTTP` says otherwise.
fn s3(bucket: &str, variables: &[(String, String)]) -> object_store::Result<AmazonS3> {
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
    for (name, value) in variables.iter().filter(|(name, _)| name.starts_with("AWS_")) {
        let is_here = ["http://127.", "http://localhost", "http://[::1]"].iter().any(|here| value.starts_with(here));
        if name.starts_with("AWS_ENDPOINT") && is_here {
            builder = builder.with_allow_http(true);
        }
        // The other variables are of other programs.
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    builder.build()
}
