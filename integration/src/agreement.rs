//! Whether everybody who knows something of an app says the same: the ledger, Kubernetes, the registry, the git repository, the
//! routers, whoever asks over HTTP, and whoever was told that something is done.
//!
//! Pure: a test gathers [`Facts`] from the real platform, and [`disagreements`] says in sentences what does not fit together. An app
//! at rest has none, whatever died on the way there.

mod compare;
mod facts;

pub use compare::disagreements;
pub use facts::{
    Acknowledged, Answer, Build, Cluster, Controller, Facts, Image, Ledger, Pod, Release, Repository, Service,
};
