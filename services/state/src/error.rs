//! What can go wrong, with its code.

use std::path::PathBuf;

use deis_api::Code;
use deis_rpc::Refusal;

use crate::names::Path;
use crate::store::Revision;

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
    /// The lease ran out, was revoked or never was.
    #[error("the lease is gone: it ran out or was revoked")]
    LeaseGone,
    /// There is no such setting.
    #[error("there is no setting {0}")]
    NoSetting(Path),
    /// Compare-and-set found another revision; 0 stands for "not there".
    #[error("the setting {key} is at revision {found}, not at {expected}")]
    RevisionMismatch {
        /// The setting.
        key: Path,
        /// The revision the caller expected.
        expected: Revision,
        /// The revision found.
        found: Revision,
    },
    /// Nothing can be added to an operation after its last entry.
    #[error("the operation {0} has had its last entry")]
    OperationEnded(Path),
    /// An operation that was being watched has run out without a last entry.
    #[error("the operation {0} has stopped: its entries have run out")]
    OperationGone(Path),
    /// An operation has as many entries as it may have.
    #[error("the operation {0} has as many entries as are kept")]
    OperationFull(Path),
    /// A field is too large.
    #[error("{field}: larger than {limit} bytes")]
    TooLarge {
        /// The field's name in the request.
        field: &'static str,
        /// The largest size that is taken, in bytes.
        limit: usize,
    },
    /// Others changed the same key again and again.
    #[error("{0} is being changed by too many at once")]
    Contended(String),
    /// The store cannot be reached or did not answer in time.
    #[error("etcd cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// This process is ending; another replica will answer.
    #[error("this replica is ending; call again")]
    Ending,
    /// What is stored under a key is not what we write there.
    #[error("the record under {0} cannot be read")]
    Corrupt(String, #[source] serde_json::Error),
}

impl Refusal for Error {
    fn code(&self) -> Code {
        match self {
            Self::Invalid { .. } => Code::InvalidArgument,
            Self::LeaseGone => Code::LeaseGone,
            Self::NoSetting(_) | Self::OperationGone(_) => Code::NotFound,
            Self::RevisionMismatch { .. } => Code::RevisionMismatch,
            Self::OperationEnded(_) => Code::FailedPrecondition,
            Self::OperationFull(_) => Code::LimitReached,
            Self::TooLarge { .. } => Code::TooLarge,
            Self::Contended(_) | Self::Unavailable(_) | Self::Ending => Code::Unavailable,
            Self::Corrupt(..) => Code::Internal,
        }
    }

    fn ending() -> Self {
        Self::Ending
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
    /// A file of the client certificate for etcd cannot be read.
    #[error("cannot read {0}")]
    EtcdCertificate(PathBuf, #[source] std::io::Error),
    /// etcd's addresses or the client certificate cannot be used.
    #[error("etcd's addresses or the certificate for it cannot be used")]
    Etcd(#[from] etcd_client::Error),
    /// The gRPC server ended.
    #[error(transparent)]
    Serve(#[from] deis_rpc::ServeError),
}
