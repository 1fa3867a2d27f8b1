//! The two edges: the door for the node's container runtime, gRPC for operators.

pub mod door;
pub mod status;
