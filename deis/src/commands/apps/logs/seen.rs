use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash as _, Hasher as _};

use deis_api::rest::LogEntry;
use jiff::{SignedDuration, Timestamp};

/// So many entries are remembered, and asked for again at most.
pub const MOST: usize = 50_000;
/// Entries are in the order in which they arrived, not were written: one may come late by this much.
const LATE: SignedDuration = SignedDuration::from_secs(30);

/// What was shown already, so that joining a log again shows nothing twice.
#[derive(Default)]
pub struct Seen {
    /// The marks of the entries that were shown last.
    last: VecDeque<u64>,
    /// How often each of them may come again.
    expected: HashMap<u64, u32>,
    newest: Option<Timestamp>,
    /// The first answer began here: what is older was not asked for.
    oldest: Option<Timestamp>,
    joined_again: bool,
    /// What was said last about the log itself.
    notice: Option<String>,
    any: bool,
}

impl Seen {
    pub const fn is_empty(&self) -> bool {
        !self.any
    }

    /// Something was shown that nobody will have to recognise.
    pub fn note(&mut self) {
        self.any = true;
    }

    /// Whether an entry was not shown yet; then it counts as shown.
    pub fn is_new(&mut self, entry: &LogEntry) -> bool {
        self.any = true;
        let Some(time) = entry.time() else {
            // Whoever joins again and again hears the same reason once.
            return self.notice.replace(entry.to_string()) != Some(entry.to_string());
        };
        let mark = mark(entry, time);
        if let Some(left) = self.expected.get_mut(&mark).filter(|left| **left > 0) {
            *left -= 1;
            return false;
        }
        match self.oldest {
            Some(oldest) if self.joined_again && time < oldest => return false,
            Some(oldest) if time >= oldest => {}
            _ => self.oldest = Some(time),
        }
        self.notice = None;
        self.newest = self.newest.max(Some(time));
        self.last.push_back(mark);
        if self.last.len() > MOST {
            self.last.pop_front();
        }
        true
    }

    /// From here on what was shown comes again.
    pub fn come_again(&mut self) {
        self.joined_again = true;
        self.expected.clear();
        for mark in &self.last {
            *self.expected.entry(*mark).or_default() += 1;
        }
    }

    /// From when on entries have to be asked for again; `None` when none was shown.
    pub fn since(&self) -> Option<String> {
        let newest = self.newest?;
        Some(newest.checked_sub(LATE).unwrap_or(newest).to_string())
    }
}

/// The store and the pods' own logs tell the same line in the same words, but only one knows the stream it was printed on.
fn mark(entry: &LogEntry, time: Timestamp) -> u64 {
    let mut hasher = DefaultHasher::new();
    time.as_microsecond().hash(&mut hasher);
    entry.to_string().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(second: i64, text: &str) -> LogEntry {
        let time = Timestamp::from_second(second).unwrap();
        LogEntry::Event { time, event: "release".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn what_comes_again_is_not_new_and_what_is_printed_twice_is_shown_twice() {
        let mut seen = Seen::default();
        assert!(seen.is_empty() && seen.since().is_none());
        let entries = [event(100, "a"), event(100, "a"), event(101, "b")];
        assert!(entries.iter().all(|entry| seen.is_new(entry)));
        assert_eq!(seen.since().unwrap(), "1970-01-01T00:01:11Z");
        for _ in 0..2 {
            seen.come_again();
            assert!(entries.iter().all(|entry| !seen.is_new(entry)));
        }
        let notice = LogEntry::Notice { text: "the log store cannot be reached".to_owned() };
        assert!(seen.is_new(&notice) && !seen.is_new(&notice));
        assert!(seen.is_new(&event(100, "a")), "a third one");
        assert!(seen.is_new(&notice), "something else came in between");
        seen.come_again();
        assert!(seen.is_new(&event(100, "late")));
        assert!(!seen.is_new(&event(100, "a")));
        assert!(!seen.is_new(&event(99, "not asked for")), "as with --lines=3");
    }

    #[test]
    fn not_everything_is_remembered() {
        let mut seen = Seen::default();
        let entries = (0..=MOST).map(|number| event(100, &number.to_string())).collect::<Vec<_>>();
        assert!(entries.iter().all(|entry| seen.is_new(entry)));
        seen.come_again();
        assert!(seen.is_new(&entries[0]) && !seen.is_new(&entries[1]));
    }
}
