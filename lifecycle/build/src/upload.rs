//! Layers go to the builder, packed on the way.

use std::io::{self, Write};

use bytes::Bytes;
use deis_oci::{Compression, Tree};
use deis_proto::builder::LayerEnd;
use deis_proto::builder::pod_message::Message;

use crate::Failure;
use crate::report::Report;

/// Most bytes that a message carries.
const CHUNK: usize = 64 * 1024;

/// Sends layers that are bounded together.
pub(crate) struct Upload<'a> {
    report: &'a Report,
    left: u64,
    max_bytes: u64,
    /// The message that carries a piece.
    chunk: fn(Bytes) -> Message,
}

impl<'a> Upload<'a> {
    pub(crate) fn new(report: &'a Report, max_bytes: u64, chunk: fn(Bytes) -> Message) -> Self {
        Self { report, left: max_bytes, max_bytes, chunk }
    }

    /// Sends the pieces of a layer; what is to be said after them.
    pub(crate) fn send(&mut self, tree: &Tree) -> Result<LayerEnd, Failure> {
        let buffer = Vec::with_capacity(CHUNK);
        let mut stream = LayerStream { report: self.report, chunk: self.chunk, buffer, left: self.left, broken: None };
        let written = tree.write(Compression::Gzip, &mut stream).map(|(layer, _)| layer);
        let LayerStream { left, broken, .. } = stream;
        let layer = match (written, broken) {
            (Ok(layer), _) => layer,
            (Err(_), Some(Broken::Full)) => return Err(Failure::TooLarge { limit_mib: self.max_bytes >> 20 }),
            (Err(_), Some(Broken::Gone(failure))) => return Err(failure),
            (Err(error), None) => return Err(Failure::Layer(error)),
        };
        self.left = left;
        let size = i64::try_from(layer.size).unwrap_or(i64::MAX);
        Ok(LayerEnd { digest: layer.digest.to_string(), diff_id: layer.diff_id.to_string(), size })
    }
}

/// Writes a layer as messages; the archive's writer flushes it at the end.
struct LayerStream<'a> {
    report: &'a Report,
    chunk: fn(Bytes) -> Message,
    buffer: Vec<u8>,
    left: u64,
    broken: Option<Broken>,
}

enum Broken {
    Full,
    Gone(Failure),
}

impl LayerStream<'_> {
    fn break_with(&mut self, broken: Broken) -> io::Error {
        self.broken = Some(broken);
        io::ErrorKind::BrokenPipe.into()
    }
}

impl Write for LayerStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK - self.buffer.len();
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        let Some(left) = self.left.checked_sub(taken.len() as u64) else { return Err(self.break_with(Broken::Full)) };
        self.left = left;
        self.buffer.extend_from_slice(taken);
        let count = taken.len();
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = Bytes::from(std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK)));
        self.report.send((self.chunk)(chunk)).map_err(|failure| self.break_with(Broken::Gone(failure)))
    }
}
