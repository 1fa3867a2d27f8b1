//! The ledger in SQL: in PostgreSQL, or in a file of SQLite. Statements are texts in place, the same for both and checked against both
//! by the tests; [`database`] is where the two differ.

mod accounts;
mod apps;
mod audit;
mod builds;
mod certificates;
mod database;
mod deploys;
mod domains;
mod errors;
mod idempotency;
mod keys;
mod releases;
mod restarts;
mod rows;
mod schema;
mod sharing;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use self::audit::note;
use self::database::{Database, Row, Statement, Transaction};
use self::errors::{is_referenced, violated};
use super::{Answer, Ledger};
use crate::seams::{Commit, Plain};

/// How long a write to a file waits for others that write.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// The ledger in SQL.
#[derive(Clone, Debug)]
pub struct SqlLedger {
    database: Database,
    commit: Arc<dyn Commit>,
}

impl SqlLedger {
    /// The ledger in PostgreSQL; the first connection is made when it is needed.
    #[must_use]
    pub fn postgres(options: PgConnectOptions) -> Self {
        Self { database: Database::postgres(options), commit: Arc::new(Plain) }
    }

    /// The ledger in a file, which is made when it is missing. What is committed is on disk.
    #[must_use]
    pub fn sqlite(file: &Path) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .foreign_keys(true)
            // Readers and the one who writes do not wait for each other.
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(WRITE_PATIENCE);
        Self { database: Database::sqlite(options), commit: Arc::new(Plain) }
    }

    /// The same ledger with something at the two sides of the commit of a new release.
    #[must_use]
    pub fn with_commit(self, commit: Arc<dyn Commit>) -> Self {
        Self { commit, ..self }
    }

    /// Brings the schema up to date. Processes that start together wait for each other.
    ///
    /// # Errors
    /// The database cannot be reached, or a migration that it has is another one than ours of that number.
    pub async fn migrate(&self) -> Result<(), sqlx::migrate::MigrateError> {
        let schema = match self.database {
            Database::Postgres(_) => schema::postgres(),
            Database::Sqlite(_) => schema::sqlite(),
        };
        for list in &schema {
            self.database.migrate(list).await?;
        }
        Ok(())
    }

    /// Closes all connections, after what is under way.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

impl Ledger for SqlLedger {
    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.database.query("SELECT 1").execute().await?;
            Ok(())
        })
    }
}

/// Times stand in the ledger as milliseconds.
fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
