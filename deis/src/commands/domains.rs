//! The names under which an app is served.

pub mod add;
pub mod list;
pub mod remove;
