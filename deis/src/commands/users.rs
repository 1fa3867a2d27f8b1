//! Who has an account.

pub mod list;
