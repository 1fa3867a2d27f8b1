//! The rendered chart: what it promises holds for every object in it, whoever adds the next one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests assert by panicking, and a JSON value is indexed safely"
)]

mod claim;
mod golden;
mod init;
mod network;
mod pods;
mod rbac;
mod rendered;
mod values;
