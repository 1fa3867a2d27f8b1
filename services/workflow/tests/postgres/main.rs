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
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool, Row as _};

/// What is beneath a ledger.
pub(crate) struct Database(PgPool);

impl Database {
    /// Does something that no service does.
    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&self.0).await.unwrap().rows_affected()
    }

    /// All rows of a table, each with all that stands in it; what is no text as such, too.
    pub(crate) async fn rows(&self, table: &str) -> Vec<String> {
        // Of the one connection that there is.
        self.execute("SET bytea_output = 'escape'").await;
        let rows = sqlx::query(AssertSqlSafe(format!("SELECT {table}::text FROM {table}")));
        rows.fetch_all(&self.0).await.unwrap().iter().map(|row| row.get(0)).collect()
    }
}

/// A new ledger, and what is beneath it.
pub(crate) async fn ledger() -> (SqlLedger, Database) {
    let options = server::database().await;
    let beneath = PgPoolOptions::new().max_connections(1).connect_lazy_with(options.clone());
    (SqlLedger::postgres(options), Database(beneath))
}
