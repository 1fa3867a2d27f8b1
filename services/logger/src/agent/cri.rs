//! The lines of a container runtime: `{time} {stream} {tags} {text}`, as the Kubernetes Container Runtime Interface has them in
//! log files ("CRI container log", kubernetes/design-proposals-archive). Tag `P` marks a part that goes on in the next record of
//! the same stream, `F` the last or only part. Runtimes cut at 16 KiB.

use bytes::{Bytes, BytesMut};
use deis_proto::logger::Stream;
use jiff::Timestamp;

/// Bytes of a line that are kept; what is longer is cut, and the line says so.
pub(crate) const LONGEST_LINE: usize = 256 * 1024;

/// A whole line of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) time_micros: i64,
    pub(crate) stream: Stream,
    pub(crate) text: Bytes,
}

/// Joins the parts of lines; it has the memory that this needs and no more.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    stdout: Option<Pending>,
    stderr: Option<Pending>,
    /// The record of which only the beginning has come.
    inside: Option<(Stream, bool)>,
    /// For records without a time.
    last_time: i64,
}

/// A line that is not whole yet.
#[derive(Debug)]
struct Pending {
    /// Position of its first record.
    start: u64,
    time_micros: i64,
    text: BytesMut,
    /// Bytes that were not kept.
    cut: u64,
}

impl Pending {
    fn end(mut self, stream: Stream) -> Line {
        if self.cut > 0 {
            self.text.extend_from_slice(format!(" [{} more bytes were cut]", self.cut).as_bytes());
        }
        Line { time_micros: self.time_micros, stream, text: self.text.freeze() }
    }
}

struct Record {
    time_micros: Option<i64>,
    stream: Stream,
    is_last: bool,
    text: Bytes,
}

impl Joiner {
    /// Where one has to read again to have what is pending: the position of its first record.
    pub(crate) fn start(&self) -> Option<u64> {
        self.stdout.iter().chain(&self.stderr).map(|pending| pending.start).min()
    }

    /// Takes a record without its line end; it begins at that position. Answers with the line that it ends, if it ends one.
    pub(crate) fn take(&mut self, record: Bytes, position: u64) -> Option<Line> {
        if let Some((stream, is_last)) = self.inside.take() {
            return self.join(Record { time_micros: None, stream, is_last, text: record }, position);
        }
        let record = self.parse(record);
        self.join(record, position)
    }

    /// Takes the beginning of a record that is longer than anybody would wait for. What comes next goes on with it.
    pub(crate) fn take_beginning(&mut self, record: Bytes, position: u64) {
        let mut record = match self.inside {
            Some((stream, is_last)) => Record { time_micros: None, stream, is_last, text: record },
            None => self.parse(record),
        };
        self.inside = Some((record.stream, record.is_last));
        record.is_last = false;
        // A part ends no line.
        drop(self.join(record, position));
    }

    /// What was begun ends here, without a line end: the runtime that wrote it died, or turned to another file.
    pub(crate) fn end_record(&mut self) {
        self.inside = None;
    }

    /// What is pending, as lines: their ends will not come.
    pub(crate) fn flush(&mut self) -> Vec<Line> {
        self.inside = None;
        let pending = [(Stream::Stdout, self.stdout.take()), (Stream::Stderr, self.stderr.take())];
        pending.into_iter().filter_map(|(stream, pending)| pending.map(|pending| pending.end(stream))).collect()
    }

    fn join(&mut self, record: Record, position: u64) -> Option<Line> {
        let time_micros = record.time_micros.unwrap_or(self.last_time);
        self.last_time = time_micros;
        let slot = if record.stream == Stream::Stderr { &mut self.stderr } else { &mut self.stdout };
        if slot.is_none() && record.is_last && record.text.len() <= LONGEST_LINE {
            return Some(Line { time_micros, stream: record.stream, text: record.text });
        }
        let pending =
            slot.get_or_insert_with(|| Pending { start: position, time_micros, text: BytesMut::new(), cut: 0 });
        let room = LONGEST_LINE.saturating_sub(pending.text.len()).min(record.text.len());
        let (kept, cut) = record.text.split_at(room);
        pending.text.extend_from_slice(kept);
        pending.cut += cut.len() as u64;
        if !record.is_last {
            return None;
        }
        slot.take().map(|pending| pending.end(record.stream))
    }

    /// What is no record of the interface is a line of its own: nothing is thrown away.
    fn parse(&self, record: Bytes) -> Record {
        let parsed = split(&record);
        match parsed {
            Some((time_micros, stream, is_last, start)) => {
                Record { time_micros: Some(time_micros), stream, is_last, text: record.slice(start..) }
            }
            None => Record { time_micros: None, stream: Stream::Stdout, is_last: true, text: record },
        }
    }
}

/// Time, stream, whether it is the last part, and where the text begins.
fn split(record: &[u8]) -> Option<(i64, Stream, bool, usize)> {
    // The longest time, stream and tags: the text is not searched.
    let head = record.get(..record.len().min(96))?;
    let mut spaces = head.iter().enumerate().filter(|(_, byte)| **byte == b' ').map(|(index, _)| index);
    let (first, second) = (spaces.next()?, spaces.next()?);
    // An empty text may come without the space before it.
    let third = spaces.next().unwrap_or(record.len());
    let time = std::str::from_utf8(head.get(..first)?).ok()?.parse::<Timestamp>().ok()?;
    let stream = match head.get(first + 1..second)? {
        b"stdout" => Stream::Stdout,
        b"stderr" => Stream::Stderr,
        _ => return None,
    };
    // Further tags may follow behind colons.
    let is_last = match record.get(second + 1..third)?.split(|byte| *byte == b':').next()? {
        b"F" => true,
        b"P" => false,
        _ => return None,
    };
    Some((time.as_microsecond(), stream, is_last, (third + 1).min(record.len())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIME: &str = "2026-11-23T18:25:07.123456789Z";
    const MICROS: i64 = 1_795_458_307_123_456;

    fn take(joiner: &mut Joiner, record: &str) -> Option<(String, Stream)> {
        let line = joiner.take(Bytes::copy_from_slice(record.as_bytes()), 0)?;
        Some((String::from_utf8_lossy(&line.text).into_owned(), line.stream))
    }

    #[test]
    fn records_have_a_time_a_stream_and_tags() {
        let mut joiner = Joiner::default();
        let line = joiner.take(Bytes::from(format!("{TIME} stderr F a  b ")), 0).unwrap();
        assert_eq!(line, Line { time_micros: MICROS, stream: Stream::Stderr, text: Bytes::from("a  b ") });
        let zone = joiner.take(Bytes::from("2026-11-23T19:25:07.123456789+01:00 stdout F x"), 0).unwrap();
        assert_eq!(zone.time_micros, MICROS);
        let text = |text: &str| Some((text.to_owned(), Stream::Stdout));
        assert_eq!(take(&mut joiner, &format!("{TIME} stdout F ")), text(""));
        assert_eq!(take(&mut joiner, &format!("{TIME} stdout F")), text(""));
        assert_eq!(take(&mut joiner, &format!("{TIME} stdout F:some:more x")), text("x"));
    }

    #[test]
    fn what_is_no_record_is_a_line() {
        let mut joiner = Joiner::default();
        for odd in ["", "x", "yesterday stdout F x", &format!("{TIME} stdin F x"), &format!("{TIME} stdout X x")] {
            assert_eq!(take(&mut joiner, odd), Some((odd.to_owned(), Stream::Stdout)));
        }
    }

    #[test]
    fn parts_of_two_streams_do_not_mix() {
        let mut joiner = Joiner::default();
        assert_eq!(joiner.take(Bytes::from(format!("{TIME} stdout P a")), 10), None);
        assert_eq!(joiner.take(Bytes::from(format!("{TIME} stderr P b")), 20), None);
        assert_eq!(joiner.start(), Some(10));
        assert_eq!(take(&mut joiner, &format!("{TIME} stdout F c")), Some(("ac".to_owned(), Stream::Stdout)));
        assert_eq!(joiner.start(), Some(20));
        assert_eq!(take(&mut joiner, &format!("{TIME} stderr F d")), Some(("bd".to_owned(), Stream::Stderr)));
        assert_eq!(joiner.start(), None);
    }

    #[test]
    fn a_line_without_end_is_cut_and_says_so() {
        let mut joiner = Joiner::default();
        let part = "x".repeat(16 * 1024);
        for _ in 0..20 {
            assert_eq!(take(&mut joiner, &format!("{TIME} stdout P {part}")), None);
        }
        let (text, _) = take(&mut joiner, &format!("{TIME} stdout F end")).unwrap();
        let cut = 20 * part.len() + 3 - LONGEST_LINE;
        assert_eq!(text.len(), LONGEST_LINE + format!(" [{cut} more bytes were cut]").len());
        assert!(text.ends_with(&format!(" [{cut} more bytes were cut]")));
        assert_eq!(take(&mut joiner, &format!("{TIME} stdout F next")), Some(("next".to_owned(), Stream::Stdout)));
    }

    #[test]
    fn a_record_may_be_longer_than_what_is_read_at_once() {
        let mut joiner = Joiner::default();
        joiner.take_beginning(Bytes::from(format!("{TIME} stdout F one ")), 5);
        joiner.take_beginning(Bytes::from("two "), 9);
        assert_eq!(joiner.start(), Some(5));
        assert_eq!(take(&mut joiner, "three"), Some(("one two three".to_owned(), Stream::Stdout)));
    }

    proptest! {
        #[test]
        fn split_and_joined_is_the_same(
            lines in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..200), any::<bool>()), 0..20),
            size in 1_usize..64,
        ) {
            let mut joiner = Joiner::default();
            let mut joined = Vec::new();
            for (text, is_error) in &lines {
                // A runtime never puts a line end into a record, for that is what it splits at.
                let text: Vec<u8> = text.iter().map(|byte| if *byte == b'\n' { b'N' } else { *byte }).collect();
                let stream = if *is_error { "stderr" } else { "stdout" };
                let mut parts = text.chunks(size).collect::<Vec<_>>();
                let last = parts.pop().unwrap_or_default();
                for (part, tag) in parts.into_iter().map(|part| (part, "P")).chain([(last, "F")]) {
                    let record = [format!("{TIME} {stream} {tag} ").as_bytes(), part].concat();
                    joined.extend(joiner.take(record.into(), 0).map(|line| (line.text, line.stream)));
                }
                let (text_joined, stream_joined) = joined.last().unwrap();
                prop_assert_eq!(text_joined.as_ref(), text.as_slice());
                prop_assert_eq!(*stream_joined == Stream::Stderr, *is_error);
            }
            prop_assert_eq!(joined.len(), lines.len());
            prop_assert_eq!(joiner.start(), None);
        }

        #[test]
        fn no_bytes_break_it(records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 0..20)) {
            let mut joiner = Joiner::default();
            for record in records {
                drop(joiner.take(record.into(), 0));
            }
        }
    }
}
