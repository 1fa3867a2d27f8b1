//! Certificates that domains are served with.

pub mod add;
pub mod attach;
pub mod detach;
pub mod info;
pub mod list;
pub mod remove;
