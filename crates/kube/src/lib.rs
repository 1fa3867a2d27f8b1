//! Every label, annotation and object that Deis writes to Kubernetes or reads from it.
//!
//! [`objects`] are pure builders; [`apply`] and [`delete`] are the only places that write. All writes carry the fence of the
//! deploy lock ([`labels::FENCE`]) and a precondition on the object's version, so that a process that has lost its lock cannot undo
//! the work of the one that took over.

pub mod apply;
pub mod delete;
mod error;
pub mod events;
pub mod labels;
pub mod names;
pub mod objects;
pub mod paths;
pub mod pod_state;
pub mod watch;

pub use error::Error;
