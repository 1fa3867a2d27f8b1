//! Which process types have paths of an app beside the served one.

pub mod add;
pub mod list;
pub mod remove;
