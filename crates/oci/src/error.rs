//! The one error type of the crate.

use std::io;
use std::path::PathBuf;

use crate::Digest;

/// Shorthand for a result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong while images are written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder of the caller cannot be read.
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A file or folder cannot be written.
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// The stream that a layer is read from or written to broke.
    #[error("the layer's stream broke")]
    Stream(#[source] io::Error),
    /// A layer is not packed as it should be, or not a tar archive that every reader understands alike.
    #[error("the layer's archive is malformed")]
    Archive(#[source] io::Error),
    /// A path that must not stand in a layer.
    #[error("path {path:?} {problem}")]
    Path { path: String, problem: &'static str },
    /// An entry that must not stand in a layer, under a path that might.
    #[error("entry {path:?} {problem}")]
    Entry { path: String, problem: &'static str },
    /// The layer is bigger than it may be.
    #[error("the layer has more than {limit} {what}")]
    Limit { what: &'static str, limit: u64 },
    /// A file grew or shrank while it was packed.
    #[error("file {path:?} changed while it was read")]
    Changed { path: String },
    /// Bytes follow where the archive or its compression ends: another reader might see other files.
    #[error("the layer goes on after its end")]
    Trailing,
    /// Text that is not `sha256:` and 64 lower-case hexadecimal digits.
    #[error("{0:?} is not a sha256 digest")]
    InvalidDigest(String),
    /// Content is not what its name says.
    #[error("expected content {expected}, found {found}")]
    Mismatch { expected: Digest, found: Digest },
    /// A manifest and a config that do not belong together, or that no program of ours writes.
    #[error("the image is malformed: {0}")]
    Image(&'static str),
    /// A media type of a layer that is neither tar nor gzip.
    #[error("layers of type {0} are not understood")]
    MediaType(String),
    /// JSON that cannot be read as the document that it should be.
    #[error("cannot decode or encode {document}")]
    Json { document: &'static str, source: serde_json::Error },
    /// The layout has no image of that name.
    #[error("the layout has no image {0}")]
    NoImage(String),
    /// The layout has no blob of that digest.
    #[error("the layout has no blob {0}")]
    NoBlob(Digest),
}

impl Error {
    pub(crate) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }

    pub(crate) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }

    pub(crate) fn json(document: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Json { document, source }
    }
}
