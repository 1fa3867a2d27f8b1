//! The ledger in PostgreSQL. Statements are texts in place, checked against the real database by the tests.

mod accounts;
mod apps;
mod builds;
mod deploys;
mod domains;
mod keys;
mod releases;
mod restarts;
mod rows;
mod sharing;

use std::time::Duration;

use jiff::Timestamp;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{SqlSafeStr as _, query};

use super::{Answer, Ledger};
use crate::error::Error;

/// The schema, oldest change first. A migration that was released is never changed.
const MIGRATIONS: [(i64, &str, &str); 9] = [
    (1, "ledger", include_str!("../../../migrations/1_ledger.sql")),
    (2, "domains", include_str!("../../../migrations/2_domains.sql")),
    (3, "collaborators", include_str!("../../../migrations/3_collaborators.sql")),
    (4, "shapes", include_str!("../../../migrations/4_shapes.sql")),
    (5, "restarts", include_str!("../../../migrations/5_restarts.sql")),
    (6, "destroying", include_str!("../../../migrations/6_destroying.sql")),
    (7, "builds", include_str!("../../../migrations/7_builds.sql")),
    (8, "release_phase", include_str!("../../../migrations/8_release_phase.sql")),
    (9, "pulled", include_str!("../../../migrations/9_pulled.sql")),
];

/// How many connections one process holds at most.
const CONNECTIONS: u32 = 16;
/// How long a request waits for one of them.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(5);

/// The ledger in PostgreSQL.
#[derive(Clone, Debug)]
pub struct Postgres {
    pool: PgPool,
}

impl Postgres {
    /// Prepares connections; the first is made when it is needed.
    #[must_use]
    pub fn new(options: PgConnectOptions) -> Self {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(CONNECTION_PATIENCE);
        Self { pool: pool.connect_lazy_with(options) }
    }

    /// Brings the schema up to date. Processes that start together wait for each other.
    ///
    /// # Errors
    /// The database cannot be reached, or holds a schema of a newer version.
    pub async fn migrate(&self) -> Result<(), sqlx::migrate::MigrateError> {
        let migrations = MIGRATIONS.into_iter().map(|(version, name, sql)| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
        });
        Migrator::with_migrations(migrations.collect()).run(&self.pool).await
    }

    /// Closes all connections, after what is under way.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl Ledger for Postgres {
    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            query("SELECT 1").execute(&self.pool).await?;
            Ok(())
        })
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                Self::Unavailable(error.into())
            }
            // Class 57P: the server is starting or ending. Class 53: it has no room.
            sqlx::Error::Database(ref database)
                if database.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("53")) =>
            {
                Self::Unavailable(error.into())
            }
            _ => Self::Internal(error.into()),
        }
    }
}

/// The constraint that an error is about.
fn violated(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error()?.constraint()
}

/// Times stand in the ledger as milliseconds.
fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
