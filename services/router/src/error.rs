use std::io;

use deis_bootstrap::BindFailed;
use deis_kube::watch::ClientError;
use deis_rpc::{IdentityError, ServeError};

/// Why a router cannot start, or ended by itself. Requests that go wrong are answered, see `proxy::page`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A listener's address is taken or not ours.
    #[error(transparent)]
    Bind(#[from] BindFailed),
    /// A bound listener does not know its address.
    #[error("a listener cannot be used")]
    Listener(#[from] io::Error),
    /// The certificate among the services.
    #[error("the service's own certificate cannot be used")]
    Identity(#[from] IdentityError),
    /// No way to Kubernetes is configured. That it does not answer is no reason not to start.
    #[error("Kubernetes cannot be watched")]
    Kubernetes(#[from] ClientError),
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    /// The gRPC server failed.
    #[error(transparent)]
    Rpc(#[from] ServeError),
}
