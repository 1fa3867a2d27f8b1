use std::io;
use std::path::PathBuf;

use deis_api::Code;

/// Why there is no image. `Display` is the sentence for the person who pushed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    #[error("None of the buildpacks of this platform ({0}) knows what to do with this source.")]
    NothingDetected(String),
    #[error("The source cannot be unpacked: {0}.")]
    Source(#[source] deis_oci::Error),
    #[error("Procfile cannot be read: {0}")]
    Procfile(String),
    #[error("The {buildpack} buildpack {problem}.")]
    Buildpack { buildpack: String, problem: String },
    #[error("The buildpack of BUILDPACK_URL cannot be used: {problem}.")]
    CustomBuildpack { problem: String },
    #[error("The image is bigger than it may be: {limit_mib} MiB, packed.")]
    TooLarge { limit_mib: u64 },
    #[error("A layer of the image cannot be made: {0}.")]
    Layer(#[source] deis_oci::Error),
    #[error("The builder refused the image: {message}")]
    Refused { code: String, message: String },
    #[error("The build image is broken: {path}: {problem}.", path = path.display())]
    BuildImage { path: PathBuf, problem: String },
    #[error("The connection to the builder broke: {0}.")]
    Connection(String),
    #[error("The build pod could not {task}: {source}.")]
    Io { task: String, source: io::Error },
}

impl Failure {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NothingDetected(_) => Code::NothingDetected,
            Self::Source(deis_oci::Error::Limit { .. }) | Self::TooLarge { .. } => Code::TooLarge,
            Self::Source(deis_oci::Error::Write { source, .. }) | Self::Io { source, .. } if is_full(source) => {
                Code::BuildOutOfRoom
            }
            Self::Source(_) => Code::SourceRefused,
            Self::Procfile(_) => Code::SourceInvalid,
            Self::CustomBuildpack { .. } => Code::BuildpackUnavailable,
            Self::Buildpack { .. } | Self::Layer(_) => Code::BuildFailed,
            Self::Refused { code, .. } => code.parse().unwrap_or(Code::BuildFailed),
            Self::Connection(_) => Code::Unavailable,
            Self::BuildImage { .. } | Self::Io { .. } => Code::Internal,
        }
    }

    pub(crate) fn io(task: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let task = task.into();
        move |source| Self::Io { task, source }
    }

    pub(crate) fn buildpack(buildpack: &str, problem: impl Into<String>) -> Self {
        Self::Buildpack { buildpack: buildpack.to_owned(), problem: problem.into() }
    }

    pub(crate) fn build_image(path: impl Into<PathBuf>) -> impl FnOnce(String) -> Self {
        let path = path.into();
        move |problem| Self::BuildImage { path, problem }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
