//! What the domain answers when it does not do what it was asked.

use std::time::Duration;

use deis_api::{AppName, Code, NameError};

use crate::deploy::EffectError;
use crate::deploy::failure::Failure;
use crate::limit::Limit;

/// A request was refused or failed. Each variant has a stable code; `Display` is the sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field is not what it must be; fields of a REST body by their name there.
    #[error("{message}")]
    Field {
        /// The field, `non_field_errors` when it is not one alone.
        field: &'static str,
        /// What is wrong with it.
        message: String,
        /// Its code.
        code: Code,
    },
    /// An entry of a list is not what it must be; the contract has a shape of its own for that.
    #[error("{0}")]
    List(String),
    /// The logic says no.
    #[error("{message}")]
    Refused {
        /// Its code, which gives the status.
        code: Code,
        /// Why, and what to do next.
        message: String,
    },
    /// What was named is not there.
    #[error("No {0} matches the given query.")]
    Missing(Kind),
    /// No credentials were given.
    #[error("Authentication credentials were not provided.")]
    NotAuthenticated,
    /// The token is not known.
    #[error("Invalid token.")]
    InvalidToken,
    /// The actor may not do this.
    #[error("You do not have permission to perform this action.")]
    Forbidden,
    /// A deploy of the app is under way.
    #[error(
        "Deployment for {0} is already in progress: it goes on, and 'deis releases:watch -a {0}' shows how. Try again when it is \
         through."
    )]
    DeployInProgress(AppName),
    /// The release that the request made could not be deployed.
    #[error("{}", .0.message)]
    DeployFailed(Failure),
    /// A command that was to be run once did not come to its end.
    #[error("{pod} (run): {message}")]
    RunFailed {
        /// The pod that was to run it.
        pod: String,
        /// The code of the cause.
        code: Code,
        /// Why, and what to do next.
        message: String,
    },
    /// It is more than a request may be.
    #[error("{message}")]
    Beyond {
        /// What it is beyond.
        limit: Limit,
        /// Why.
        message: &'static str,
    },
    /// He asks too often, or too many ask at once.
    #[error("{message}")]
    Later {
        /// What was reached.
        limit: Limit,
        /// Why, and when to try again.
        message: String,
        /// How long to wait: whole seconds.
        after: Duration,
    },
    /// A store or a peer cannot be reached.
    #[error("Service temporarily unavailable, try again later.")]
    Unavailable(#[source] Source),
    /// A defect of the platform.
    #[error("Server Error")]
    Internal(#[source] Source),
}

/// What lies beneath an error; for the log alone.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// What can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An app.
    App,
    /// A build.
    Build,
    /// A certificate.
    Certificate,
    /// A domain of an app.
    Domain,
    /// An SSH key.
    Key,
    /// A release.
    Release,
    /// Paths of an app that are a process type's.
    Service,
    /// A user.
    User,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

impl Error {
    /// A field that is not of the form it must have.
    #[must_use]
    pub fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self::Field { field, message: message.into(), code: Code::InvalidArgument }
    }

    /// A name that cannot be parsed.
    pub fn name(field: &'static str) -> impl FnOnce(NameError) -> Self {
        move |error| Self::field(field, error.to_string())
    }

    /// The logic says no.
    #[must_use]
    pub fn refused(code: Code, message: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into() }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Field { code, .. } | Self::Refused { code, .. } | Self::RunFailed { code, .. } => *code,
            Self::Beyond { limit, .. } | Self::Later { limit, .. } => limit.code(),
            Self::List(_) => Code::InvalidArgument,
            Self::Missing(_) => Code::NotFound,
            Self::NotAuthenticated => Code::NotAuthenticated,
            Self::InvalidToken => Code::InvalidCredentials,
            Self::Forbidden => Code::PermissionDenied,
            Self::DeployInProgress(_) => Code::DeployInProgress,
            Self::DeployFailed(failure) => failure.code,
            Self::Unavailable(_) => Code::Unavailable,
            Self::Internal(_) => Code::Internal,
        }
    }
}

impl Error {
    /// The limit that refuses, if it is one.
    #[must_use]
    pub const fn limit(&self) -> Option<Limit> {
        match self {
            Self::Beyond { limit, .. } | Self::Later { limit, .. } => Some(*limit),
            _ => None,
        }
    }
}

impl From<EffectError> for Error {
    fn from(error: EffectError) -> Self {
        match error {
            EffectError::Gone(_) => Self::Missing(Kind::App),
            EffectError::Fenced(app) => Self::DeployInProgress(app),
            EffectError::Refused(_) => Self::refused(error.code(), error.to_string()),
            EffectError::Changed | EffectError::Unavailable(_) => Self::Unavailable(error.into()),
        }
    }
}
