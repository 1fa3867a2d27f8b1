//! How an app's source became images.

pub mod cancel;
pub mod clear_cache;
pub mod create;
pub mod info;
pub mod list;
pub mod log;

/// The state of a build that has an image.
const SUCCEEDED: &str = "succeeded";
