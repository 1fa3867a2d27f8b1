//! One text of a statement for two databases. The driver of sqlx that hides them (`Any`) knows neither UUID nor JSON, so the two real
//! ones stand side by side: here, and nowhere else.
//!
//! Statements keep to what both understand: `$1`, `RETURNING`, `ON CONFLICT`, `string_agg`, `CAST`. What one of them says in its own
//! way has a function here.

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{
    AssertSqlSafe, Connection as _, Decode, Encode, Executor, IntoArguments, Pool, Postgres, Row as _, SqlSafeStr,
    Sqlite, Type, query,
};

/// How many connections one process holds at most.
const CONNECTIONS: u32 = 16;
/// How long a request waits for one of them.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(5);

/// How long a connection that nobody uses is trusted to be there. Asking it costs as much again as a small statement.
const TRUSTED: Duration = Duration::from_secs(1);

/// A value that both databases take.
pub(super) trait Value<'v>: Encode<'v, Postgres> + Type<Postgres> + Encode<'v, Sqlite> + Type<Sqlite> {}
impl<'v, T: Encode<'v, Postgres> + Type<Postgres> + Encode<'v, Sqlite> + Type<Sqlite>> Value<'v> for T {}

/// A value that both databases give.
pub(super) trait Column:
    for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite>
{
}
impl<T: for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite>> Column for T {}

/// Connections to the one or the other.
#[derive(Clone, Debug)]
pub(super) enum Database {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl Database {
    /// Prepares connections to a server; the first is made when it is needed.
    pub(super) fn postgres(options: PgConnectOptions) -> Self {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(CONNECTION_PATIENCE);
        let pool = pool.test_before_acquire(false).before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > TRUSTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
        Self::Postgres(pool.connect_lazy_with(options))
    }

    /// Prepares connections to a file.
    pub(super) fn sqlite(options: SqliteConnectOptions) -> Self {
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(CONNECTION_PATIENCE);
        // Nobody else can end a connection to a file.
        let pool = pool.test_before_acquire(false);
        Self::Sqlite(pool.connect_lazy_with(options))
    }

    pub(super) async fn migrate(&self, migrator: &Migrator) -> Result<(), MigrateError> {
        match self {
            Self::Postgres(pool) => migrator.run(pool).await,
            Self::Sqlite(pool) => migrator.run(pool).await,
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite(pool) => pool.close().await,
        }
    }

    /// A statement of its own.
    pub(super) fn query(&self, sql: &'static str) -> Statement<'_> {
        match self {
            Self::Postgres(pool) => Statement::Postgres(query(sql), Target::Pool(pool)),
            Self::Sqlite(pool) => Statement::Sqlite(query(sql), Target::Pool(pool)),
        }
    }

    /// Begins a transaction, which is undone unless it is committed. In SQLite it is alone from the start: one that reads first and
    /// writes then would be refused when another has written in between.
    pub(super) async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            Self::Postgres(pool) => Transaction::Postgres(pool.begin().await?),
            Self::Sqlite(pool) => Transaction::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
        })
    }
}

/// Statements that are done all or not at all.
#[derive(Debug)]
pub(super) enum Transaction {
    Postgres(sqlx::Transaction<'static, Postgres>),
    Sqlite(sqlx::Transaction<'static, Sqlite>),
}

impl Transaction {
    /// A statement of this transaction.
    pub(super) fn query(&mut self, sql: &'static str) -> Statement<'_> {
        self.statement(sql)
    }

    /// A `SELECT` whose rows stand still until the transaction ends.
    pub(super) fn query_for_update(&mut self, select: &'static str) -> Statement<'_> {
        match self {
            Self::Postgres(_) => self.statement(AssertSqlSafe(format!("{select} FOR UPDATE"))),
            Self::Sqlite(_) => self.statement(select),
        }
    }

    /// Lets no other transaction write to `users` until this one ends.
    pub(super) async fn lock_users(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(_) => {
                self.query("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE").execute().await?;
            }
            // Nobody else writes at all.
            Self::Sqlite(_) => {}
        }
        Ok(())
    }

    /// Lets no other transaction add to this subject's entries until this one ends.
    pub(super) async fn lock_audit(&mut self, subject: &str) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(_) => {
                let lock = self.query("SELECT pg_advisory_xact_lock(hashtextextended('audit ' || $1, 0))");
                lock.bind(subject).fetch_optional().await?;
            }
            // Nobody else writes at all.
            Self::Sqlite(_) => {}
        }
        Ok(())
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(tx) => tx.commit().await,
            Self::Sqlite(tx) => tx.commit().await,
        }
    }

    fn statement(&mut self, sql: impl SqlSafeStr) -> Statement<'_> {
        match self {
            Self::Postgres(tx) => Statement::Postgres(query(sql), Target::Connection(&mut **tx)),
            Self::Sqlite(tx) => Statement::Sqlite(query(sql), Target::Connection(&mut **tx)),
        }
    }
}

/// A statement with the values bound so far.
#[must_use = "nothing happens until it is executed"]
pub(super) enum Statement<'c> {
    Postgres(Query<'static, Postgres, PgArguments>, Target<'c, Postgres>),
    Sqlite(Query<'static, Sqlite, SqliteArguments>, Target<'c, Sqlite>),
}

impl Statement<'_> {
    /// Binds the next value.
    pub(super) fn bind<'v>(self, value: impl Value<'v>) -> Self {
        match self {
            Self::Postgres(query, target) => Self::Postgres(query.bind(value), target),
            Self::Sqlite(query, target) => Self::Sqlite(query.bind(value), target),
        }
    }

    /// Executes it; answers how many rows it has changed.
    pub(super) async fn execute(self) -> Result<u64, sqlx::Error> {
        match self {
            Self::Postgres(query, Target::Pool(pool)) => Ok(query.execute(pool).await?.rows_affected()),
            Self::Postgres(query, Target::Connection(tx)) => Ok(query.execute(tx).await?.rows_affected()),
            Self::Sqlite(query, Target::Pool(pool)) => Ok(query.execute(pool).await?.rows_affected()),
            Self::Sqlite(query, Target::Connection(tx)) => Ok(query.execute(tx).await?.rows_affected()),
        }
    }

    /// The first row, if there is one.
    pub(super) async fn fetch_optional(self) -> Result<Option<Row>, sqlx::Error> {
        Ok(match self {
            Self::Postgres(query, target) => target.fetch_optional(query).await?.map(Row::Postgres),
            Self::Sqlite(query, target) => target.fetch_optional(query).await?.map(Row::Sqlite),
        })
    }

    /// The first row, which must be there.
    pub(super) async fn fetch_one(self) -> Result<Row, sqlx::Error> {
        self.fetch_optional().await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// All rows.
    pub(super) async fn fetch_all(self) -> Result<Vec<Row>, sqlx::Error> {
        Ok(match self {
            Self::Postgres(query, target) => target.fetch_all(query).await?.into_iter().map(Row::Postgres).collect(),
            Self::Sqlite(query, target) => target.fetch_all(query).await?.into_iter().map(Row::Sqlite).collect(),
        })
    }
}

/// Where a statement is executed.
#[derive(Debug)]
pub(super) enum Target<'c, DB: sqlx::Database> {
    Pool(&'c Pool<DB>),
    Connection(&'c mut DB::Connection),
}

impl<DB: sqlx::Database> Target<'_, DB>
where
    DB::Arguments: IntoArguments<DB>,
    for<'e> &'e mut DB::Connection: Executor<'e, Database = DB>,
{
    async fn fetch_optional(self, query: Query<'static, DB, DB::Arguments>) -> Result<Option<DB::Row>, sqlx::Error> {
        match self {
            Self::Pool(pool) => query.fetch_optional(pool).await,
            Self::Connection(connection) => query.fetch_optional(connection).await,
        }
    }

    async fn fetch_all(self, query: Query<'static, DB, DB::Arguments>) -> Result<Vec<DB::Row>, sqlx::Error> {
        match self {
            Self::Pool(pool) => query.fetch_all(pool).await,
            Self::Connection(connection) => query.fetch_all(connection).await,
        }
    }
}

/// A row of an answer.
#[derive(Debug)]
pub(super) enum Row {
    Postgres(PgRow),
    Sqlite(SqliteRow),
}

impl Row {
    /// One of its columns.
    pub(super) fn try_get<T: Column>(&self, column: &str) -> Result<T, sqlx::Error> {
        match self {
            Self::Postgres(row) => row.try_get(column),
            Self::Sqlite(row) => row.try_get(column),
        }
    }
}
