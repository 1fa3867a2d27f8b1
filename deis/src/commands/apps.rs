pub mod create;
pub mod destroy;
pub mod info;
pub mod list;
pub mod logs;
pub mod open;
pub mod transfer;
