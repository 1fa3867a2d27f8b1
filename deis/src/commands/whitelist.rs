//! Who may call an app.

pub mod add;
pub mod list;
pub mod remove;
