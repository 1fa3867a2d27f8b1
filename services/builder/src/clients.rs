//! The ports as gRPC calls.

mod locks;
mod patience;
mod workflow;

pub(crate) use locks::StateLocks;
pub(crate) use workflow::Workflow;
