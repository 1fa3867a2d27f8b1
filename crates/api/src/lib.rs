//! The platform's vocabulary: names that are parsed once, error codes that never change, and the REST types that server and
//! command line share; besides, how an error is told. No I/O.

#![warn(missing_docs)]

mod causes;
mod code;
pub mod names;
pub mod rest;
pub mod session;
pub mod settings;

pub use causes::{causes, innermost};
pub use code::Code;
pub use names::{
    AppName, CertName, CertificateDigest, CommitId, ConfigKey, GitSha, Hostname, KeyId, NameError, ProcType,
    ReleaseVersion, Username,
};
