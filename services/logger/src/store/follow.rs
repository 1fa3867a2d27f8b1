//! What comes after the newest entries.

use std::time::Duration;

use backon::Retryable as _;
use deis_api::AppName;
use deis_proto::logger::Entry;
use redis::aio::MultiplexedConnection;

use super::contents::{Filter, Raw, Stored, dropped};
use super::link::Unreached;
use super::read::{End, History};
use super::{Store, stream_key};
use crate::error::Error;
use crate::patience::patience;

/// How long Redis waits for something new before it says that there is nothing.
const WAIT: Duration = Duration::from_secs(10);
/// Longer than Redis waits: the crate's own limit of half a second would end every wait.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// Entries of a stream in one answer of Redis.
const PAGE: usize = 16;

/// One who follows an app. It has a connection of its own, and outlives its loss.
#[derive(Debug)]
pub struct Follower {
    store: Store,
    app: AppName,
    filter: Filter,
    connection: Option<MultiplexedConnection>,
    end: End,
}

impl Follower {
    /// Goes on where a history ended.
    #[must_use]
    pub fn new(store: Store, app: AppName, filter: Filter, history: &History) -> Self {
        Self { store, app, filter, connection: None, end: history.end.clone() }
    }

    /// Waits for what is next, at least one entry; `None` when the app was deleted. Lines that were removed before this follower
    /// came to read them are counted. While Redis is away it waits for it.
    ///
    /// # Errors
    /// Something is stored that cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<Entry>>, Error> {
        loop {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => self.dial().await,
            };
            // An array of streams, each with its key and its entries.
            let page: Option<Vec<(String, Vec<Raw>)>> = match self.read().query_async(&mut connection).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::debug!(%error, "a follower's connection to Redis is broken");
                    continue;
                }
            };
            self.connection = Some(connection);
            let mut entries = Vec::new();
            for raw in page.into_iter().flatten().flat_map(|(_key, entries)| entries) {
                let stored = Stored::decode(raw)?;
                if stored.is_end() {
                    return Ok((!entries.is_empty()).then_some(entries));
                }
                let missed = stored.before.saturating_sub(self.end.lines);
                self.end = End { id: stored.id.clone(), lines: stored.before + stored.lines };
                let time = stored.time_micros();
                let mut group = stored.entries(&self.filter);
                if missed > 0 {
                    group.insert(0, dropped(time, missed, "", "they were removed before they were read here"));
                }
                entries.append(&mut group);
            }
            if !entries.is_empty() {
                return Ok(Some(entries));
            }
        }
    }

    fn read(&self) -> redis::Cmd {
        let mut call = redis::cmd("XREAD");
        call.arg("COUNT").arg(PAGE).arg("BLOCK").arg(WAIT.as_millis() as u64);
        call.arg("STREAMS").arg(stream_key(&self.app)).arg(&self.end.id);
        call
    }

    /// A connection on which Redis answers: while it loads its data it takes connections and refuses commands.
    async fn dial(&self) -> MultiplexedConnection {
        loop {
            let dial = || async {
                let mut connection = self.store.link.dial(Some(ANSWER_LIMIT)).await?;
                redis::cmd("PING").exec_async(&mut connection).await?;
                Ok::<_, Unreached>(connection)
            };
            // It never gives up, so that an error cannot come.
            if let Ok(connection) = dial.retry(patience()).await {
                return connection;
            }
        }
    }
}
