use std::collections::HashMap;

use deis_api::Code;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};

/// The domain of our codes in `google.rpc.ErrorInfo`.
const DOMAIN: &str = "deis.io";

/// An error as it goes over the wire: the code's own gRPC status, the sentence, and `google.rpc.ErrorInfo` with the code as
/// its reason.
#[must_use]
pub fn status(code: Code, message: impl Into<String>) -> Status {
    let metadata = HashMap::from([("retryable".to_owned(), code.retryable().to_string())]);
    let details = ErrorDetails::with_error_info(code.as_str(), DOMAIN, metadata);
    Status::with_error_details(tonic::Code::from_i32(code.grpc_status()), message, details)
}

/// What an error from a peer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The peer's code; one that fits the gRPC status when the peer gave none (it may not have been reached at all).
    pub code: Code,
    /// The sentence.
    pub message: String,
    /// Whether the same call can succeed later.
    pub retryable: bool,
}

impl From<&Status> for Fault {
    fn from(status: &Status) -> Self {
        let info = status.get_details_error_info().filter(|info| info.domain == DOMAIN);
        let code = info.as_ref().and_then(|info| info.reason.parse().ok()).unwrap_or_else(|| fitting(status.code()));
        let retryable = match info.and_then(|info| info.metadata.get("retryable").map(|text| text == "true")) {
            Some(retryable) => retryable,
            None => code.retryable(),
        };
        Self { code, message: status.message().to_owned(), retryable }
    }
}

fn fitting(code: tonic::Code) -> Code {
    match code {
        tonic::Code::InvalidArgument | tonic::Code::OutOfRange => Code::InvalidArgument,
        tonic::Code::NotFound => Code::NotFound,
        tonic::Code::AlreadyExists => Code::AlreadyExists,
        tonic::Code::PermissionDenied => Code::PermissionDenied,
        tonic::Code::Unauthenticated => Code::InvalidCredentials,
        tonic::Code::ResourceExhausted => Code::LimitReached,
        tonic::Code::FailedPrecondition | tonic::Code::Aborted => Code::FailedPrecondition,
        // A connection that breaks while a call is under way shows as UNKNOWN or CANCELLED too.
        tonic::Code::Unavailable | tonic::Code::Unknown | tonic::Code::Cancelled => Code::Unavailable,
        tonic::Code::DeadlineExceeded => Code::DeadlineExceeded,
        _ => Code::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_crosses_the_wire() {
        for code in Code::ALL {
            let sent = status(*code, "the sentence");
            let received = Status::from_header_map(&sent.clone().into_http::<String>().into_parts().0.headers).unwrap();
            let fault = Fault::from(&received);
            assert_eq!(fault, Fault { code: *code, message: "the sentence".to_owned(), retryable: code.retryable() });
        }
    }

    #[test]
    fn a_peer_that_was_not_reached_is_unavailable() {
        let fault = Fault::from(&Status::unavailable("connection refused"));
        assert_eq!((fault.code, fault.retryable), (Code::Unavailable, true));
    }
}
