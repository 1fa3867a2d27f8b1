//! Whether the routers answer in an app's stead.

pub mod info;
pub mod off;
pub mod on;
