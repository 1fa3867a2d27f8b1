//! Whether the routers serve an app.

pub mod disable;
pub mod enable;
pub mod info;
