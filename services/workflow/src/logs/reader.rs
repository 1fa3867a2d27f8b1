use std::sync::Arc;
use std::time::Duration;

use deis_api::AppName;
use deis_api::rest::LogEntry;
use deis_bootstrap::deadline;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio_util::sync::CancellationToken;

use super::{Away, Entries, LogStore, PodLogs, Query};
use crate::deploy::PodList;

/// How long the store may take for its first entry.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads the logs of apps.
#[derive(Clone)]
pub struct Logs {
    pub(super) store: Arc<dyn LogStore>,
    pub(super) own: Arc<dyn PodLogs>,
    pub(super) pods: Arc<dyn PodList>,
    shutdown: CancellationToken,
}

impl Logs {
    /// Reads from `store`, and while that is away from the pods themselves. Readers that follow are sent away at `shutdown`.
    #[must_use]
    pub fn new(
        store: Arc<dyn LogStore>,
        own: Arc<dyn PodLogs>,
        pods: Arc<dyn PodList>,
        shutdown: CancellationToken,
    ) -> Self {
        Self { store, own, pods, shutdown }
    }

    /// The entries asked for, oldest first. It always answers: what is wrong is said in a notice.
    pub async fn read(&self, app: &AppName, query: &Query) -> BoxStream<'static, LogEntry> {
        let first = deadline(PATIENCE, self.store.read(app, query)).await;
        let entries = match first.unwrap_or_else(|late| Err(Away(late.to_string()))) {
            Ok(entries) => told(entries),
            Err(away) => {
                tracing::warn!(%app, %away, "the log store cannot be reached");
                self.fall_back(app, query, &away).await
            }
        };
        entries.take_until(self.shutdown.clone().cancelled_owned()).boxed()
    }
}

/// A store that goes away in between ends the stream, with a word about it.
fn told(entries: Entries) -> BoxStream<'static, LogEntry> {
    let broken = |away: &Away| LogEntry::Notice {
        text: format!("the log store went away ({away}): what comes next is missing"),
    };
    let entries = entries.scan(false, move |ended, entry| {
        let next = match entry {
            _ if *ended => None,
            Ok(entry) => Some(entry),
            Err(away) => {
                *ended = true;
                Some(broken(&away))
            }
        };
        std::future::ready(next)
    });
    entries.boxed()
}

/// One notice, then these entries, then what follows.
pub(super) fn after_notice(
    text: String,
    entries: Vec<LogEntry>,
    following: BoxStream<'static, LogEntry>,
) -> BoxStream<'static, LogEntry> {
    stream::iter([LogEntry::Notice { text }]).chain(stream::iter(entries)).chain(following).boxed()
}
