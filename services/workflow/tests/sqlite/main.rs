//! The service through its public edge, the ledger in a file of SQLite.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests assert by panicking, and start what they need"
)]

#[path = "../edge/mod.rs"]
mod edge;

use deis_workflow::ledger::sql::SqlLedger;

/// A new ledger, and the folder that it needs, if any.
#[expect(clippy::unused_async, reason = "as with the other database")]
pub(crate) async fn ledger() -> (SqlLedger, Option<tempfile::TempDir>) {
    let folder = tempfile::tempdir().unwrap();
    (SqlLedger::sqlite(&folder.path().join("ledger")), Some(folder))
}
