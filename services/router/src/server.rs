//! The doors: HTTP, HTTPS, git, and gRPC for the other services.

mod doors;
mod git;
mod http;
mod rpc;
mod tls;

pub(crate) use doors::Doors;
pub(crate) use git::Git;
pub(crate) use http::Http;
pub(crate) use rpc::Rpc;
pub(crate) use tls::{Certificates, PlatformCertificate};
