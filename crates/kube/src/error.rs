use deis_api::Code;

/// Kubernetes did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object has changed since it was read, or exists already: read it again and decide again.
    #[error("{object} has changed in Kubernetes in the meantime")]
    Conflict {
        /// Kind and name.
        object: String,
    },
    /// The object carries a higher fence: another process has taken over.
    #[error("{object} was written by a newer holder of the deploy lock")]
    Fenced {
        /// Kind and name.
        object: String,
    },
    /// The object, or its namespace, does not exist.
    #[error("{object} does not exist in Kubernetes")]
    NotFound {
        /// Kind and name.
        object: String,
    },
    /// Kubernetes understood and refused: quota, policy, an invalid field.
    #[error("Kubernetes refuses {object}: {message}")]
    Refused {
        /// Kind and name.
        object: String,
        /// What Kubernetes says.
        message: String,
    },
    /// The API server cannot be reached or is not able to answer now.
    #[error("Kubernetes cannot be reached for {object}")]
    Unavailable {
        /// Kind and name.
        object: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

impl Error {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Conflict { .. } => Code::RevisionMismatch,
            Self::Fenced { .. } => Code::Fenced,
            Self::NotFound { .. } => Code::NotFound,
            Self::Refused { .. } => Code::PodRefused,
            Self::Unavailable { .. } => Code::Unavailable,
        }
    }

    /// Sorts an answer of the API server by its HTTP status.
    pub(crate) fn of(object: &str, error: kube::Error) -> Self {
        let object = object.to_owned();
        match error {
            kube::Error::Api(status) if status.code == 409 => Self::Conflict { object },
            kube::Error::Api(status) if status.code == 404 => Self::NotFound { object },
            kube::Error::Api(status) if (400..500).contains(&status.code) && status.code != 429 => {
                Self::Refused { object, message: status.message.clone() }
            }
            other => Self::Unavailable { object, source: Box::new(other) },
        }
    }
}
