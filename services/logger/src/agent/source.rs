//! What one container writes between two restarts: a row of files, read as one.

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use deis_proto::logger::AppendRequest;
use deis_proto::logger::append_request;
use jiff::Timestamp;

use super::cri::{Joiner, Line};
use super::file::{Identity, Listed, LogFile};
use super::owner::Owner;
use super::positions::Saved;
use super::resume;

/// Lines in one batch.
const MOST_LINES: usize = 512;
/// Bytes in one batch, but for the line that goes beyond.
const MOST_BYTES: usize = 128 * 1024;
/// Bytes read at once.
const READ: usize = 64 * 1024;
/// A record that is longer is taken in pieces.
const LONGEST_RECORD: usize = 128 * 1024;
/// Files that are held while nobody takes their lines. They take room on the node's disk although the kubelet has removed them;
/// beyond so many the oldest is given up, and its lines are counted.
const MOST_FILES: usize = 8;
/// Files that were read to their end and may still be listed.
const REMEMBERED: usize = 8;

/// The lines of one container between two restarts.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) owner: Arc<Owner>,
    /// The container's folder.
    pub(crate) folder: PathBuf,
    id: String,
    /// Not read to their end yet, oldest first; the first is being read.
    files: VecDeque<LogFile>,
    /// Position of the first byte of the first file.
    base: u64,
    /// Read to their end, perhaps not acknowledged; oldest first. Those that are stored tell an agent after this one what is not
    /// to be read again.
    read: VecDeque<Identity>,
    /// First bytes of files that need not be read, and listed files that turned out to be copies.
    done: VecDeque<Vec<u8>>,
    copies: Vec<(PathBuf, u64)>,
    /// What was read and is not taken yet; it begins at this position.
    buffer: BytesMut,
    position: u64,
    joiner: Joiner,
    /// Lines that are lost, to be said with the next one.
    lost: u64,
    /// Everything before this is stored.
    acknowledged: u64,
    /// Where one would have to read on if the batch under way were stored.
    under_way: Option<u64>,
    /// Whether it is on disk where the first file begins. Else an agent after this one could count anew what was sent.
    is_noted: bool,
    /// Whether its files are still in their folder.
    is_listed: bool,
}

/// What a look at a source brought.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) batch: Option<AppendRequest>,
    /// There was more to read.
    pub(crate) is_full: bool,
    /// These are the first lines of a file: where it begins must be on disk before they are sent.
    pub(crate) must_be_noted: bool,
}

impl Source {
    /// A source of which nothing is known.
    pub(crate) fn new(id: String, owner: Arc<Owner>, folder: PathBuf) -> Self {
        Self {
            owner,
            folder,
            id,
            files: VecDeque::new(),
            base: 0,
            read: VecDeque::new(),
            done: VecDeque::new(),
            copies: Vec::new(),
            buffer: BytesMut::new(),
            position: 0,
            joiner: Joiner::default(),
            lost: 0,
            acknowledged: 0,
            under_way: None,
            is_noted: false,
            is_listed: true,
        }
    }

    /// Begins with a file that others came before. An agent may have read those and its notes be gone: positions that count from 0
    /// again would be taken for lines that are stored. So they begin beyond all that can have been counted, and at the same place
    /// whenever they begin with the same file. What is left of what was sent before may be stored twice, but nothing is lost.
    pub(crate) fn begin_late(&mut self, first: &Listed) {
        let begin = LogFile::open(first).ok().and_then(|file| file.begin());
        let seconds = u64::try_from(begin.unwrap_or_else(|| Timestamp::now().as_second())).unwrap_or(0);
        self.base = seconds.saturating_mul(resume::GAP);
        (self.position, self.acknowledged) = (self.base, self.base);
    }

    /// Goes on where an agent before this one stopped, in the files that are there now.
    pub(crate) fn resume(&mut self, saved: &Saved, listed: &[&Listed]) {
        let mut files = listed.iter().filter_map(|listed| LogFile::open(listed).ok()).collect::<VecDeque<_>>();
        let bases: Vec<_> = saved.files.iter().map(|identity| identity.base).collect();
        let found = saved.files.iter().map(|identity| files.iter().position(|file| file.is(identity)));
        let start = resume::start(&bases, &found.collect::<Vec<_>>(), saved.acknowledged);
        self.done.extend(files.drain(..start.index.min(files.len())).map(|file| file.head().to_vec()));
        (self.base, self.position, self.acknowledged) = (start.base, start.position, start.position);
        // Of files that are gone nobody knows how many lines they had.
        self.lost = u64::from(start.is_lost);
        if let Some(file) = files.front_mut() {
            // What cannot be skipped cannot be read either, and shows then.
            drop(file.skip_to(start.position - start.base));
        }
        let (now, successors) = (Instant::now(), files.len().saturating_sub(1));
        files.iter_mut().take(successors).for_each(|file| file.supersede(now));
        self.files = files;
        self.read.extend(saved.files.iter().filter(|identity| identity.base < start.base).cloned());
    }

    /// What must be known to go on after this process.
    pub(crate) fn saved(&self) -> Saved {
        let mut files: Vec<_> = self.read.iter().cloned().collect();
        files.extend(self.files.front().map(|file| file.identity(self.base)));
        Saved { owner: Owner::clone(&self.owner), folder: self.folder.clone(), acknowledged: self.acknowledged, files }
    }

    /// Takes in which files there are. Those that are held go on being held, whatever has become of their names.
    pub(crate) fn look(&mut self, listed: &[&Listed], now: Instant) {
        self.is_listed = !listed.is_empty();
        if let Some(last) = self.files.back_mut().filter(|_| listed.is_empty()) {
            // The folder is gone, and whoever wrote to it.
            last.supersede(now);
        }
        self.copies.retain(|(path, _)| listed.iter().any(|listed| listed.path == *path));
        self.files.iter_mut().for_each(LogFile::learn);
        for listed in listed {
            let Ok(metadata) = std::fs::symlink_metadata(&listed.path) else { continue };
            let place = (metadata.dev(), metadata.ino());
            let copy = (listed.path.clone(), metadata.ino());
            if self.files.iter().any(|file| file.place() == place) || self.copies.contains(&copy) {
                continue;
            }
            let file = match LogFile::open(listed) {
                Ok(file) => file,
                Err(error) => {
                    self.not_opened(&error, copy);
                    continue;
                }
            };
            let is_known = self.files.iter().any(|known| known.begins_like(file.head()))
                || self.done.iter().any(|head| file.begins_like(head));
            if is_known {
                self.copies.push(copy);
                continue;
            }
            if let Some(last) = self.files.back_mut() {
                last.supersede(now);
            }
            self.files.push_back(file);
        }
        while self.files.len() > MOST_FILES {
            self.give_up_oldest();
        }
    }

    fn not_opened(&mut self, error: &io::Error, file: (PathBuf, u64)) {
        // Compressed or removed since it was listed.
        if error.kind() == io::ErrorKind::NotFound {
            return;
        }
        tracing::warn!(%error, path = %file.0.display(), "a log file cannot be read");
        // No archive, or half of one.
        let broken = [io::ErrorKind::InvalidInput, io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof];
        let is_broken = broken.contains(&error.kind());
        // A link, or something else that is no file of the kubelet's.
        let is_foreign = error.kind() == io::ErrorKind::Unsupported;
        self.lost += u64::from(is_broken);
        if is_broken || is_foreign {
            self.copies.push(file);
        }
    }

    /// Whether nothing can come any more, but for what is still to be read.
    fn is_ended(&self, now: Instant) -> bool {
        !self.is_listed && self.files.len() <= 1 && self.files.front().is_none_or(|file| file.is_final(now))
    }

    /// Whether a look that brought nothing was the last.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.is_ended(now) && self.under_way.is_none()
    }

    /// Whether only time can tell that its first file is at its end.
    pub(crate) fn is_settling(&self) -> bool {
        self.files.len() > 1 || (!self.is_listed && !self.files.is_empty())
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// The batch under way is stored.
    pub(crate) fn acknowledge(&mut self) {
        let Some(stored) = self.under_way.take() else { return };
        self.acknowledged = self.acknowledged.max(stored);
    }

    /// Reads the next batch; not while one is under way.
    pub(crate) fn take(&mut self, batch: u64, now: Instant) -> Taken {
        let mut taken = Taken::default();
        let (mut lines, mut bytes) = (Vec::new(), 0);
        loop {
            if lines.len() >= MOST_LINES || bytes >= MOST_BYTES {
                taken.is_full = true;
                break;
            }
            if let Some(line) = self.next_line() {
                bytes += line.text.len();
                lines.push(append_request::Line { lost_before: std::mem::take(&mut self.lost), ..line });
            } else if !self.fill() {
                // The lines of the next file come with the next look.
                taken.is_full = self.go_on(now);
                break;
            }
        }
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        if lines.is_empty() && !taken.is_full && self.is_ended(now) {
            lines = self.flush();
        }
        if !lines.is_empty() {
            taken.must_be_noted = !std::mem::replace(&mut self.is_noted, true);
            self.files.iter_mut().take(1).for_each(LogFile::learn);
            self.under_way = Some(self.joiner.start().unwrap_or(self.position));
            taken.batch = Some(self.batch(batch, lines));
        }
        taken
    }

    /// Lines whose end was never written. Nothing follows them, so that the next positions are free.
    fn flush(&mut self) -> Vec<append_request::Line> {
        let lines = self.joiner.flush().into_iter();
        lines
            .map(|line| {
                self.position += 1;
                self.line(line)
            })
            .collect()
    }

    fn line(&self, line: Line) -> append_request::Line {
        append_request::Line {
            position: self.position,
            time_micros: line.time_micros,
            stream: line.stream.into(),
            text: line.text,
            lost_before: 0,
        }
    }

    fn batch(&self, batch: u64, lines: Vec<append_request::Line>) -> AppendRequest {
        let Owner { app, pod, process, release } = Owner::clone(&self.owner);
        AppendRequest { batch, app: app.into(), pod, process, release, source: self.id.clone(), lines }
    }

    /// The next line of what was read; `None` when more has to be read.
    fn next_line(&mut self) -> Option<append_request::Line> {
        loop {
            let Some(length) = memchr::memchr(b'\n', &self.buffer) else {
                if self.buffer.len() >= LONGEST_RECORD {
                    let beginning = self.buffer.split().freeze();
                    let start = self.advance(beginning.len());
                    self.joiner.take_beginning(beginning, start);
                }
                return None;
            };
            let mut record = self.buffer.split_to(length + 1).freeze();
            let start = self.advance(record.len());
            record.truncate(length);
            if let Some(line) = self.joiner.take(record, start) {
                return Some(self.line(line));
            }
        }
    }

    /// Moves on; answers with where it was.
    fn advance(&mut self, bytes: usize) -> u64 {
        let start = self.position;
        self.position += bytes as u64;
        start
    }

    /// Reads more of the first file; false at its end. A file that cannot be read is tried again with the next look.
    fn fill(&mut self) -> bool {
        let Some(file) = self.files.front_mut() else { return false };
        let filled = self.buffer.len();
        self.buffer.resize(filled + READ, 0);
        let read = file.read(self.buffer.get_mut(filled..).unwrap_or_default());
        self.buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(read) => read > 0,
            Err(error) => {
                tracing::warn!(%error, source = self.id, "a log file cannot be read");
                if file.is_packed() {
                    // It will not get better, and nobody knows how many lines are behind this.
                    self.lost += 1;
                }
                false
            }
        }
    }

    /// Goes on to the next file, if the first one is at its end for good.
    fn go_on(&mut self, now: Instant) -> bool {
        let is_done = self.files.len() > 1 && self.files.front().is_some_and(|file| file.is_final(now));
        if is_done {
            self.leave_first();
        }
        is_done
    }

    fn leave_first(&mut self) {
        // A record without an end, which a runtime that died has left.
        let rest = self.buffer.split().freeze();
        if !rest.is_empty() {
            let start = self.advance(rest.len());
            self.joiner.take_beginning(rest, start);
            // An app that says more goes on in another record.
            self.joiner.end_record();
        }
        let Some(mut file) = self.files.pop_front() else { return };
        file.learn();
        self.read.push_back(file.identity(self.base));
        self.done.push_back(file.head().to_vec());
        let surplus = |length: usize| length.saturating_sub(REMEMBERED);
        self.read.drain(..surplus(self.read.len()));
        self.done.drain(..surplus(self.done.len()));
        self.base = self.position;
        self.is_noted = false;
    }

    /// Counts the lines of the first file instead of sending them.
    fn give_up_oldest(&mut self) {
        let mut lost = 0;
        loop {
            if self.next_line().is_some() {
                lost += 1;
            } else if !self.fill() {
                break;
            }
        }
        tracing::warn!(app = %self.owner.app, pod = self.owner.pod, lost, "lines are given up: nobody took them");
        self.lost += lost;
        self.leave_first();
    }
}

#[cfg(test)]
mod tests;
