//! What the entries of a stream hold.

use std::collections::HashMap;

use bytes::Bytes;
use deis_proto::logger::append_request::Line;
use deis_proto::logger::entry::{AppLine, Dropped, Entry as Kind};
use deis_proto::logger::{AppendRequest, Entry};
use prost::Message as _;

use crate::error::Error;

/// Why lines are missing where an agent says so.
pub(crate) const REMOVED: &str = "the node removed log files before they were read";

/// An entry of a stream as Redis gives it: its id and its fields.
pub(super) type Raw = (String, HashMap<String, Bytes>);

/// An entry of a stream.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) id: String,
    /// Lines of the app before this entry, those included that are not kept any more.
    pub(super) before: u64,
    /// Lines in it.
    pub(super) lines: u64,
    contents: Contents,
}

#[derive(Debug)]
enum Contents {
    Lines(AppendRequest),
    Entry(Entry),
    /// The app was deleted.
    End,
}

impl Stored {
    pub(super) fn decode((id, mut fields): Raw) -> Result<Self, Error> {
        let mut field = |name: &str| fields.remove(name).unwrap_or_default();
        let number = |bytes: Bytes| std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        let (before, lines, message) = (number(field("t")), number(field("n")), field("d"));
        let contents = match field("k").as_ref() {
            b"l" => Contents::Lines(AppendRequest::decode(message)?),
            b"x" => Contents::End,
            _ => Contents::Entry(Entry::decode(message)?),
        };
        Ok(Self { id, before, lines, contents })
    }

    /// When it was stored, in microseconds since 1970: the first half of its id.
    pub(super) fn time_micros(&self) -> i64 {
        let millis = self.id.split_once('-').and_then(|(millis, _)| millis.parse::<i64>().ok());
        millis.unwrap_or(0).saturating_mul(1000)
    }

    pub(super) fn is_end(&self) -> bool {
        matches!(self.contents, Contents::End)
    }

    /// What of it is asked for, in its order.
    pub(super) fn entries(self, filter: &Filter) -> Vec<Entry> {
        match self.contents {
            Contents::Lines(batch) if filter.process.is_empty() || filter.process == batch.process => {
                let wanted = batch.lines.iter().filter(|line| line.time_micros >= filter.since_micros);
                wanted.flat_map(|line| [missing(&batch, line), Some(self::line(&batch, line))]).flatten().collect()
            }
            Contents::Entry(entry) if filter.takes(&entry) => vec![entry],
            Contents::Lines(_) | Contents::Entry(_) | Contents::End => Vec::new(),
        }
    }
}

/// Which entries are asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this process type only; empty is all, events included.
    pub process: String,
    /// Written at this time or later, in microseconds since 1970.
    pub since_micros: i64,
}

impl Filter {
    /// Events are of no process; that lines are missing concerns all.
    fn takes(&self, entry: &Entry) -> bool {
        let is_for_all = self.process.is_empty() || matches!(entry.entry, Some(Kind::Dropped(_)));
        is_for_all && entry.time_micros >= self.since_micros
    }
}

fn line(batch: &AppendRequest, line: &Line) -> Entry {
    let app_line = AppLine {
        pod: batch.pod.clone(),
        process: batch.process.clone(),
        release: batch.release.clone(),
        stream: line.stream,
        text: line.text.clone(),
    };
    Entry { time_micros: line.time_micros, entry: Some(Kind::Line(app_line)) }
}

/// What is said before a line that others should stand before.
fn missing(batch: &AppendRequest, line: &Line) -> Option<Entry> {
    (line.lost_before > 0).then(|| dropped(line.time_micros, line.lost_before, &batch.pod, REMOVED))
}

/// A note that lines are missing.
pub(super) fn dropped(time_micros: i64, lines: u64, pod: &str, reason: &str) -> Entry {
    let dropped = Dropped { lines, pod: pod.to_owned(), reason: reason.to_owned() };
    Entry { time_micros, entry: Some(Kind::Dropped(dropped)) }
}
