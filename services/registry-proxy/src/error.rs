//! Why a request is refused, in the words of the OCI distribution specification; why the service cannot start.

use std::path::PathBuf;

use deis_api::{AppName, Code};

/// Why a request is not served.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It would write.
    #[error("only GET and HEAD are served here: images come into the registry by `git push`")]
    Write,
    /// It carries no credentials.
    #[error("pull credentials are needed: those in the Secret {{app}}-pull")]
    NoCredentials,
    /// It carries credentials that are nobody's.
    #[error("these are not an app's pull credentials")]
    WrongCredentials,
    /// It asks for another app's repository.
    #[error("the pull credentials of {app} are for its own repository only")]
    AnotherRepository {
        /// Whose credentials they are.
        app: AppName,
    },
    /// It asks for something that is neither a manifest nor a blob of an app, or spells it in another way than we do.
    #[error("only /v2/{{app}}/manifests/{{reference}} and /v2/{{app}}/blobs/{{digest}} are served here")]
    UnknownPath,
    /// The registry cannot be reached.
    #[error("the registry cannot be reached")]
    RegistryGone(#[source] hyper_util::client::legacy::Error),
    /// The registry does not answer.
    #[error("the registry does not answer")]
    RegistryLate(#[source] deis_bootstrap::DeadlineExceeded),
    /// The registry does not accept the proxy's own credentials.
    #[error("the registry does not accept the proxy's credentials")]
    RegistryRefuses,
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Write => Code::ReadOnly,
            Self::NoCredentials => Code::NotAuthenticated,
            Self::WrongCredentials => Code::InvalidCredentials,
            Self::AnotherRepository { .. } => Code::PermissionDenied,
            Self::UnknownPath => Code::NotFound,
            Self::RegistryGone(_) | Self::RegistryRefuses => Code::Unavailable,
            Self::RegistryLate(_) => Code::DeadlineExceeded,
        }
    }

    /// The code of the OCI distribution specification ("Error Codes"); it has none for an absent registry.
    #[must_use]
    pub fn oci_code(&self) -> &'static str {
        match self {
            Self::Write => "UNSUPPORTED",
            Self::NoCredentials | Self::WrongCredentials => "UNAUTHORIZED",
            Self::AnotherRepository { .. } => "DENIED",
            Self::UnknownPath => "NAME_UNKNOWN",
            Self::RegistryGone(_) | Self::RegistryLate(_) | Self::RegistryRefuses => "UNAVAILABLE",
        }
    }
}

/// Why the service cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The service's own certificate cannot be used.
    #[error("cannot take up the service's certificate")]
    Identity(#[from] deis_rpc::IdentityError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] deis_bootstrap::BindFailed),
    /// A secret is missing or cannot be read.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] std::io::Error),
    /// The pull key is empty: anybody could compute its passwords.
    #[error("{0} is empty")]
    Empty(PathBuf),
    /// The gRPC server ended.
    #[error(transparent)]
    Serve(#[from] deis_rpc::ServeError),
}
