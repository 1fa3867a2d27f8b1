//! What apps print and what happens to them, in one stream for each app.
//!
//! A [`LogStore`] keeps it; while that cannot be reached, the pods' own logs stand in ([`PodLogs`]). No request waits for the store
//! to hear of an event: [`Events`] hands them over one after the other, and counts what it has to drop.

mod events;
mod fallback;
mod reader;

pub use events::Events;
pub use reader::Logs;

use deis_api::rest::LogEntry;
use deis_api::{AppName, ProcType};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

/// What somebody wants to read of an app's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// How many of the newest entries at most.
    pub lines: u32,
    /// Of this process type only; none is all, events included.
    pub process: Option<ProcType>,
    /// Written at this time or later.
    pub since: Option<Timestamp>,
    /// What comes after them too, until the reader goes away.
    pub follow: bool,
}

/// An event of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// A stable word for programs.
    pub kind: &'static str,
    /// The sentence.
    pub text: String,
    /// When it happened.
    pub time: Timestamp,
}

/// What was asked cannot answer, and why, in a few words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Away(pub String);

/// Entries of a log as they come.
pub type Entries = BoxStream<'static, Result<LogEntry, Away>>;

/// Keeps the newest entries of every app.
pub trait LogStore: Send + Sync + 'static {
    /// The entries asked for, oldest first. Answers when the first is there, or when there is none.
    fn read<'a>(&'a self, app: &'a AppName, query: &'a Query) -> BoxFuture<'a, Result<Entries, Away>>;
    /// Adds an event.
    fn record<'a>(&'a self, app: &'a AppName, event: &'a Event) -> BoxFuture<'a, Result<(), Away>>;
}

/// A line as a pod's own log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodLine {
    /// When it was written.
    pub time: Timestamp,
    /// The line, without its end.
    pub text: String,
}

/// The logs of pods, straight from their nodes.
pub trait PodLogs: Send + Sync + 'static {
    /// The newest lines of a pod.
    fn tail<'a>(
        &'a self,
        app: &'a AppName,
        pod: &'a str,
        lines: u32,
        since: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<Vec<PodLine>, Away>>;
    /// What a pod prints after a time, until it ends.
    fn follow<'a>(
        &'a self,
        app: &'a AppName,
        pod: &'a str,
        after: Timestamp,
    ) -> BoxFuture<'a, BoxStream<'static, PodLine>>;
}
