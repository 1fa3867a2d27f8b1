pub mod create;
pub mod info;
pub mod list;
pub mod open;
