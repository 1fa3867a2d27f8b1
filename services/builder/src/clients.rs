//! The ports as gRPC calls.

mod locks;
mod workflow;

pub(crate) use locks::StateLocks;
pub(crate) use workflow::Workflow;
