//! The service through its public edge, the ledger in PostgreSQL.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests assert by panicking, and start what they need"
)]

#[path = "../edge/mod.rs"]
mod edge;
mod schema;
mod server;

use deis_workflow::ledger::sql::SqlLedger;

/// A new ledger, and the folder that it needs, if any.
pub(crate) async fn ledger() -> (SqlLedger, Option<tempfile::TempDir>) {
    (SqlLedger::postgres(server::database().await), None)
}
