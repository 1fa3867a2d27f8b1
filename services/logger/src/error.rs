//! What can go wrong, with its code.

use std::path::PathBuf;

use deis_api::Code;
use deis_rpc::Refusal;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field is not of the form it must have.
    #[error("{field}: {rule}")]
    Invalid {
        /// The field's name in the request.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// Redis has not been reached.
    #[error("Redis cannot be reached")]
    Away,
    /// Redis did not do what it was asked.
    #[error("Redis did not answer as it should")]
    Redis(#[from] redis::RedisError),
    /// What is stored is not what we write there.
    #[error("a stored entry cannot be read")]
    Corrupt(#[from] prost::DecodeError),
    /// As many callers do this as may.
    #[error("as many callers {0} logs now as may: {1}; try again in a moment")]
    TooMany(&'static str, usize),
    /// This process is ending; another replica will answer.
    #[error("this replica is ending; call again")]
    Ending,
}

impl Refusal for Error {
    fn code(&self) -> Code {
        match self {
            Self::Invalid { .. } => Code::InvalidArgument,
            Self::Away | Self::Redis(_) | Self::Ending => Code::Unavailable,
            Self::Corrupt(_) => Code::Internal,
            Self::TooMany(..) => Code::LimitReached,
        }
    }

    fn ending() -> Self {
        Self::Ending
    }
}

/// Why a process cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The process's own certificate cannot be used.
    #[error("cannot take up the service's certificate")]
    Identity(#[from] deis_rpc::IdentityError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] deis_bootstrap::BindFailed),
    /// The address of Redis has no port.
    #[error("the address of Redis is not HOST:PORT: {0}")]
    Address(String),
    /// No way to Kubernetes is configured. That it does not answer is no reason not to start.
    #[error("Kubernetes cannot be watched")]
    Kubernetes(#[from] deis_kube::watch::ClientError),
    /// The positions cannot be read, or written.
    #[error("cannot use the positions in {0}")]
    Positions(PathBuf, #[source] std::io::Error),
    /// The gRPC server ended.
    #[error(transparent)]
    Serve(#[from] deis_rpc::ServeError),
    /// A task panicked.
    #[error(transparent)]
    Task(#[from] deis_bootstrap::TaskFailed),
}
