//! workflow
pub mod deploy;
