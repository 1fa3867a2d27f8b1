//! One backup: files, each with its checksum, and the manifest that makes them a backup.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use deis_api::Code;
use deis_cli::Failure;
use futures_util::TryStreamExt as _;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio_util::io::StreamReader;

use super::manifest::{FORMAT, File, Manifest};
use super::place::{Place, PlaceError};
use super::shell::Reader;

pub(crate) const MANIFEST: &str = "manifest.json";

/// What of a file is in memory at a time, twice while it is sent; S3 takes 10,000 such parts.
const PART: usize = 16 << 20;
const PARTS: usize = 2;
const BUFFER: usize = 256 * 1024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("cannot write {0}")]
    Write(String, #[source] io::Error),
    #[error("cannot read {0}")]
    Read(String, #[source] io::Error),
    #[error("{MANIFEST} is not what a backup has")]
    Manifest(#[from] serde_json::Error),
    #[error("the backup has format {0}, this deisctl reads {FORMAT}")]
    Format(u32),
    #[error("the backup names no file {0}")]
    Unnamed(String),
}

impl ArchiveError {
    /// With what to do next.
    pub(crate) fn told(self) -> Failure {
        let hint = match &self {
            Self::Format(_) => "Use the deisctl that wrote it, or a newer one.",
            Self::Read(..) | Self::Manifest(_) | Self::Unnamed(_) => "The backup is damaged: restore another.",
            Self::Write(..) => return self.into(),
        };
        Failure::from(self).code(Code::FailedPrecondition.as_str()).hint(hint)
    }
}

/// A backup that is being made.
pub(crate) struct Writer {
    place: Place,
    files: BTreeMap<String, File>,
}

impl Writer {
    /// Begins a backup in a place of its own: two that are made at once never mix.
    pub(crate) async fn begin(place: Place) -> Result<Self, PlaceError> {
        place.claim().await?;
        Ok(Self { place, files: BTreeMap::new() })
    }

    pub(crate) fn files(&self) -> &BTreeMap<String, File> {
        &self.files
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    pub(crate) fn size(&self) -> u64 {
        self.files.values().map(|file| file.size).sum()
    }

    /// Writes a file from a source to its end.
    pub(crate) async fn write(&mut self, path: &str, source: impl AsyncRead + Unpin) -> Result<&File, ArchiveError> {
        let store = std::sync::Arc::clone(&self.place.store);
        let location = located(&self.place, path);
        let mut target = BufWriter::with_capacity(store, location, PART).with_max_concurrency(PARTS);
        let mut source = Hashing::new(source);
        let failed = |error| ArchiveError::Write(path.to_owned(), error);
        let mut buffer = vec![0; BUFFER];
        loop {
            let passed = match source.read(&mut buffer).await {
                Ok(0) => break,
                Ok(count) => target.write_all(buffer.get(..count).unwrap_or_default()).await,
                Err(error) => Err(error),
            };
            if let Err(error) = passed {
                // Nothing of it is kept.
                let _aborted = target.abort().await;
                return Err(failed(error));
            }
        }
        // One that fails now is aborted by itself.
        target.shutdown().await.map_err(failed)?;
        Ok(self.files.entry(path.to_owned()).insert_entry(source.file()).into_mut())
    }

    /// Takes a file back.
    pub(crate) async fn forget(&mut self, path: &str) -> Result<(), ArchiveError> {
        self.files.remove(path);
        let deleted = self.place.store.delete(&located(&self.place, path)).await;
        deleted.map_err(|error| ArchiveError::Write(path.to_owned(), error.into()))
    }

    /// Makes it a backup.
    pub(crate) async fn finish(self, mut manifest: Manifest) -> Result<Manifest, ArchiveError> {
        manifest.files = self.files;
        let text = serde_json::to_vec_pretty(&manifest)?;
        let put = self.place.store.put(&located(&self.place, MANIFEST), PutPayload::from(text)).await;
        put.map_err(|error| ArchiveError::Write(MANIFEST.to_owned(), error.into()))?;
        self.place.disclaim().await;
        Ok(manifest)
    }
}

/// A backup that is complete.
pub(crate) struct Archive {
    place: Place,
    pub(crate) manifest: Manifest,
}

impl Archive {
    pub(crate) async fn open(place: Place) -> Result<Self, ArchiveError> {
        #[derive(serde::Deserialize)]
        struct Version {
            format: u32,
        }
        let text = async { place.store.get(&located(&place, MANIFEST)).await?.bytes().await };
        let text = text.await.map_err(|error| ArchiveError::Read(MANIFEST.to_owned(), error.into()))?;
        let Version { format } = serde_json::from_slice(&text)?;
        if format != FORMAT {
            return Err(ArchiveError::Format(format));
        }
        Ok(Self { manifest: serde_json::from_slice(&text)?, place })
    }

    pub(crate) fn name(&self) -> &str {
        self.place.name()
    }

    /// A file, which breaks off at its end when it is not the one that was written.
    pub(crate) async fn read(&self, path: &str) -> Result<Reader, ArchiveError> {
        let wanted = self.manifest.files.get(path).ok_or_else(|| ArchiveError::Unnamed(path.to_owned()))?;
        let found = self.place.store.get(&located(&self.place, path)).await;
        let found = found.map_err(|error| ArchiveError::Read(path.to_owned(), error.into()))?;
        let source = StreamReader::new(found.into_stream().map_err(io::Error::from));
        Ok(Box::pin(Checked { source: Hashing::new(source), wanted: wanted.clone() }))
    }

    /// A small file.
    pub(crate) async fn text(&self, path: &str) -> Result<Vec<u8>, ArchiveError> {
        let mut text = Vec::new();
        let read = self.read(path).await?.read_to_end(&mut text).await;
        read.map_err(|error| ArchiveError::Read(path.to_owned(), error))?;
        Ok(text)
    }

    /// Reads every file; fails with the first that is not the one that was written.
    pub(crate) async fn check(&self) -> Result<(), ArchiveError> {
        for path in self.manifest.files.keys() {
            let copied = tokio::io::copy(&mut self.read(path).await?, &mut tokio::io::sink()).await;
            copied.map_err(|error| ArchiveError::Read(path.clone(), error))?;
        }
        Ok(())
    }
}

fn located(place: &Place, path: &str) -> Path {
    path.split('/').fold(place.prefix.clone(), |folder, name| folder.join(name))
}

/// Computes the checksum of what it passes on.
struct Hashing<R> {
    source: R,
    hash: Sha256,
    size: u64,
}

impl<R> Hashing<R> {
    fn new(source: R) -> Self {
        Self { source, hash: Sha256::new(), size: 0 }
    }

    fn file(&self) -> File {
        File { size: self.size, sha256: hex::encode(self.hash.clone().finalize()) }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Hashing<R> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.source).poll_read(context, into))?;
        let new = into.filled().get(before..).unwrap_or_default();
        self.hash.update(new);
        self.size += new.len() as u64;
        Poll::Ready(Ok(()))
    }
}

/// Fails at the end of a source that is not what is wanted.
struct Checked<R> {
    source: Hashing<R>,
    wanted: File,
}

impl<R: AsyncRead + Unpin> AsyncRead for Checked<R> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = self.source.size;
        ready!(Pin::new(&mut self.source).poll_read(context, into))?;
        if self.source.size == before && into.remaining() > 0 && self.source.file() != self.wanted {
            let what = "it is not the file that was written: its size or its checksum is another";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, what)));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
