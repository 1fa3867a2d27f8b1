//! The SSH keys that a user pushes with.

pub mod add;
mod choose;
pub mod list;
pub mod public_key;
pub mod remove;
