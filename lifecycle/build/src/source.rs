//! The source as it comes from the builder.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc::Receiver;

/// A piece of the archive; the end is told, since a broken connection ends too.
pub(crate) enum Piece {
    Bytes(Bytes),
    End,
}

/// Reads the pieces as one stream; waits for the next.
pub(crate) struct SourceReader {
    pieces: Receiver<Piece>,
    current: Bytes,
    ended: bool,
}

impl SourceReader {
    pub(crate) fn new(pieces: Receiver<Piece>) -> Self {
        Self { pieces, current: Bytes::new(), ended: false }
    }
}

impl Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => self.current = bytes,
                Some(Piece::End) => self.ended = true,
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = self.current.len().min(buffer.len());
        self.current.split_to(count).copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: Vec<Piece>) -> io::Result<String> {
        let (sender, receiver) = tokio::sync::mpsc::channel(pieces.len());
        for piece in pieces {
            sender.try_send(piece).ok().unwrap();
        }
        drop(sender);
        let mut text = String::new();
        SourceReader::new(receiver).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn pieces_are_one_stream_that_must_have_an_end() {
        let piece = |text: &'static str| Piece::Bytes(Bytes::from_static(text.as_bytes()));
        assert_eq!(read(vec![piece("so"), piece(""), piece("urce"), Piece::End]).unwrap(), "source");
        assert_eq!(read(vec![piece("so")]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
