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
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Row as _, SqlitePool};

/// What is beneath a ledger.
pub(crate) struct Database {
    pool: SqlitePool,
    _folder: tempfile::TempDir,
}

impl Database {
    /// Does something that no service does.
    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.unwrap().rows_affected()
    }

    /// All rows of a table, each with all that stands in it; what is no text as such, too.
    pub(crate) async fn rows(&self, table: &str) -> Vec<String> {
        let rows = sqlx::query(AssertSqlSafe(format!("SELECT * FROM {table}"))).fetch_all(&self.pool).await.unwrap();
        let texts = rows.iter().map(|row| {
            let bytes =
                (0..row.len()).map(|column| row.get_unchecked::<Option<Vec<u8>>, _>(column).unwrap_or_default());
            String::from_utf8_lossy(&bytes.collect::<Vec<_>>().join(&b' ')).into_owned()
        });
        texts.collect()
    }
}

/// A new ledger, and what is beneath it.
#[expect(clippy::unused_async, reason = "as with the other database")]
pub(crate) async fn ledger() -> (SqlLedger, Database) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger");
    let beneath = SqlitePoolOptions::new().max_connections(1);
    let beneath = beneath.connect_lazy_with(SqliteConnectOptions::new().filename(&file));
    (SqlLedger::sqlite(&file), Database { pool: beneath, _folder: folder })
}
