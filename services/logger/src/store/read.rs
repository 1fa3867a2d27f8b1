//! The newest entries.

use deis_api::AppName;
use deis_proto::logger::Entry;

pub use super::contents::Filter;
use super::contents::{Raw, Stored};
use super::{Store, stream_key};
use crate::error::Error;

/// Entries of a stream in one answer of Redis.
const PAGE: usize = 16;
/// The id before all others.
pub(super) const BEGINNING: &str = "0-0";

/// The newest entries of an app.
#[derive(Debug)]
pub struct History {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// Where what comes later begins.
    pub(super) end: End,
}

/// The end of a stream as it was seen.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// The id of the last entry.
    pub(super) id: String,
    /// Lines of the app until then, those included that are not kept any more.
    pub(super) lines: u64,
}

impl Store {
    /// Up to `most` of the newest entries that the filter takes.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn newest(&self, app: &AppName, most: usize, filter: &Filter) -> Result<History, Error> {
        let mut connection = self.connection()?;
        let mut end = None;
        // Newest first, each group in its own order.
        let (mut groups, mut count) = (Vec::new(), 0);
        let mut upto = "+".to_owned();
        while count < most {
            let mut call = redis::cmd("XREVRANGE");
            call.arg(stream_key(app)).arg(&upto).arg("-").arg("COUNT").arg(PAGE);
            let page: Vec<Raw> = call.query_async(&mut connection).await.map_err(|error| self.suspect(error))?;
            let is_last = page.len() < PAGE;
            for raw in page {
                let stored = Stored::decode(raw)?;
                upto = format!("({}", stored.id);
                end.get_or_insert_with(|| End { id: stored.id.clone(), lines: stored.before + stored.lines });
                let group = stored.entries(filter);
                count += group.len();
                groups.push(group);
                if count >= most {
                    break;
                }
            }
            if is_last {
                break;
            }
        }
        let mut entries: Vec<_> = groups.into_iter().rev().flatten().collect();
        // What came in at once is of one container; people read by time. Lines of one container keep their order.
        entries.sort_by_key(|entry| entry.time_micros);
        entries.drain(..entries.len().saturating_sub(most));
        Ok(History { entries, end: end.unwrap_or_else(|| End { id: BEGINNING.to_owned(), lines: 0 }) })
    }
}
