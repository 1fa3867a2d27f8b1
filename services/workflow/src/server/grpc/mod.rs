//! gRPC, for the builder.

mod push;

pub use push::Push;

use crate::error::Error;

/// An error as it goes to a service; the sentence is for the person at the other end of the push.
fn status(error: &Error) -> tonic::Status {
    if let Error::Internal(source) | Error::Unavailable(source) = error {
        tracing::error!(code = %error.code(), error = ?source, "a call failed");
    }
    deis_rpc::status(error.code(), error.to_string())
}
