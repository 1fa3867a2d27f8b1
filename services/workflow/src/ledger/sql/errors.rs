use sqlx::sqlite::SqliteError;

use crate::error::Error;

/// Primary result codes of SQLite that time may heal: busy, locked, no room. <https://www.sqlite.org/rescode.html>
const SQLITE_PASSING: [i32; 3] = [5, 6, 13];

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let passes = match &error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                if database.try_downcast_ref::<SqliteError>().is_some() {
                    // The low byte of an extended result code is the primary one.
                    code.parse::<i32>().is_ok_and(|code| SQLITE_PASSING.contains(&(code & 0xff)))
                } else {
                    // Class 57P: the server is starting or ending. Class 53: it has no room.
                    code.starts_with("57P") || code.starts_with("53")
                }
            }
            _ => false,
        };
        if passes { Self::Unavailable(error.into()) } else { Self::Internal(error.into()) }
    }
}

/// The unique constraint that a write ran into: `users_pkey` as PostgreSQL names it, `users.username` as SQLite does.
pub(super) fn violated(error: &sqlx::Error) -> Option<&str> {
    let error = error.as_database_error().filter(|error| error.is_unique_violation())?;
    error.constraint().or_else(|| error.message().strip_prefix("UNIQUE constraint failed: "))
}

/// Whether a row cannot go because others name it.
pub(super) fn is_referenced(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_foreign_key_violation())
}
