//! What happens to an app, among its lines; and its end.

use deis_api::AppName;
use deis_proto::logger::Entry;
use deis_proto::logger::entry::{Entry as Kind, Event};
use prost::Message as _;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue};

use super::{Store, scripts};
use crate::error::Error;

/// How long the end of an app is remembered: its last lines may come late.
const MEMORY_SECONDS: u64 = 7 * 24 * 60 * 60;

impl Store {
    /// Adds an event to an app's lines.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn record(&self, app: &AppName, time_micros: i64, event: Event) -> Result<(), Error> {
        let entry = Entry { time_micros, entry: Some(Kind::Event(event)) };
        self.add(&mut self.connection()?, app, &entry).await
    }

    /// Forgets an app. Its lines that were written until `now_micros` and have not come yet will not be taken.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn delete(&self, app: &AppName, now_micros: i64) -> Result<(), Error> {
        let mut call = scripts::call(&scripts::DELETE, &[]);
        call.arg(app.as_str()).arg(now_micros).arg(MEMORY_SECONDS);
        self.run(&mut self.connection()?, &call).await
    }

    /// Adds an entry that is no line; it counts as one.
    pub(super) async fn add(
        &self,
        connection: &mut MultiplexedConnection,
        app: &AppName,
        entry: &Entry,
    ) -> Result<(), Error> {
        let limits = self.limits;
        let mut call = scripts::call(&scripts::ADD, &[]);
        call.arg(app.as_str()).arg(1).arg(entry.encode_to_vec());
        call.arg(limits.lines_per_app).arg(limits.bytes_per_app).arg(limits.bytes_in_all);
        self.run(connection, &call).await
    }

    /// Runs a script, also when Redis has forgotten it.
    async fn run<T: FromRedisValue>(&self, connection: &mut MultiplexedConnection, call: &Cmd) -> Result<T, Error> {
        let mut answer = call.query_async(connection).await;
        if answer.as_ref().is_err_and(scripts::is_forgotten) {
            scripts::load(connection).await.map_err(|error| self.suspect(error))?;
            answer = call.query_async(connection).await;
        }
        answer.map_err(|error| self.suspect(error))
    }
}
