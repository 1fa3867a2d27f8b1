//! What goes over the websocket of a command that somebody works with: `deis run` at a terminal, and `deis ps:exec`.
//!
//! The client's first message is text, the JSON of an [`Order`]. All others, in both directions, are binary: one [`Frame`] each, whose first
//! byte is its kind and whose rest is its content. The kinds are numbered as the channels of Kubernetes' own protocol (`v5.channel.k8s.io`):
//!
//! | Byte | Frame | From | Content |
//! |---|---|---|---|
//! | 0 | stdin | the client | bytes; none says that there are no more |
//! | 1 | stdout | the server | bytes; of a terminal, all that it shows |
//! | 2 | stderr | the server | bytes; none of a terminal |
//! | 3 | exit | the server | the JSON of an [`Exit`]; the last frame |
//! | 4 | resize | the client | the JSON of a [`Size`] |
//!
//! Whoever sends waits until the other side takes it: nothing is buffered without a bound, and nothing is dropped. Pings are the server's
//! affair, every 20 s; the client answers them.

use serde::{Deserialize, Serialize};

/// The most bytes that a frame has.
pub const FRAME_LIMIT: usize = 64 * 1024;

/// How many columns and rows a terminal has.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Size {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

/// What is to be run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Order {
    /// The command and its arguments. One that is run once is joined with blanks and given to a shell.
    pub command: Vec<String>,
    /// The terminal that it gets; without one, its two streams are told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<Size>,
    /// How long it may take, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
}

/// How it ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Exit {
    /// By itself.
    Ended {
        /// Its exit code; 128 and the signal's number after a signal.
        exit_code: i32,
    },
    /// It could not begin, or was not let go on.
    Refused {
        /// The stable code.
        code: String,
        /// Why, and what to do next.
        detail: String,
    },
}

/// One message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Frame {
    /// What the client types; none is the end of it.
    Stdin(Vec<u8>),
    /// What the command prints.
    Stdout(Vec<u8>),
    /// What it prints besides.
    Stderr(Vec<u8>),
    /// The client's terminal has another size.
    Resize(Size),
    /// It has ended.
    Exit(Exit),
}

/// A message that is none of ours.
#[derive(Debug, thiserror::Error)]
pub enum NoFrame {
    /// It is empty.
    #[error("a message is empty")]
    Empty,
    /// Its first byte is no kind.
    #[error("there is no kind of message {0}")]
    Kind(u8),
    /// It is larger than [`FRAME_LIMIT`].
    #[error("a message is larger than 64 KiB")]
    TooLarge,
    /// Its content is not what its kind says.
    #[error("a message cannot be read")]
    Content(#[from] serde_json::Error),
}

impl Frame {
    /// The message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Numbers and texts can always be written.
        let json = |content: Result<Vec<u8>, serde_json::Error>| content.unwrap_or_default();
        let (kind, content) = match self {
            Self::Stdin(bytes) => (0, bytes.clone()),
            Self::Stdout(bytes) => (1, bytes.clone()),
            Self::Stderr(bytes) => (2, bytes.clone()),
            Self::Exit(exit) => (3, json(serde_json::to_vec(exit))),
            Self::Resize(size) => (4, json(serde_json::to_vec(size))),
        };
        [vec![kind], content].concat()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// It is none.
    pub fn decode(message: &[u8]) -> Result<Self, NoFrame> {
        let (kind, content) = message.split_first().ok_or(NoFrame::Empty)?;
        if content.len() > FRAME_LIMIT {
            return Err(NoFrame::TooLarge);
        }
        Ok(match kind {
            0 => Self::Stdin(content.to_vec()),
            1 => Self::Stdout(content.to_vec()),
            2 => Self::Stderr(content.to_vec()),
            3 => Self::Exit(serde_json::from_slice(content)?),
            4 => Self::Resize(serde_json::from_slice(content)?),
            kind => return Err(NoFrame::Kind(*kind)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_survives_a_round_trip() {
        let refused = Exit::Refused { code: "no-build".to_owned(), detail: "No build.".to_owned() };
        for frame in [
            Frame::Stdin(b"ls\n\x03".to_vec()),
            Frame::Stdin(Vec::new()),
            Frame::Stdout(vec![0, 255]),
            Frame::Stderr(b"no".to_vec()),
            Frame::Resize(Size { columns: 80, rows: 24 }),
            Frame::Exit(Exit::Ended { exit_code: 137 }),
            Frame::Exit(refused),
        ] {
            assert_eq!(Frame::decode(&frame.encode()).unwrap(), frame);
        }
        assert_eq!(Frame::Exit(Exit::Ended { exit_code: 3 }).encode(), b"\x03{\"exit_code\":3}");
        assert_eq!(Frame::Resize(Size { columns: 80, rows: 24 }).encode(), b"\x04{\"columns\":80,\"rows\":24}");
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let refusal = |message: &[u8]| Frame::decode(message).unwrap_err().to_string();
        assert_eq!(refusal(b""), "a message is empty");
        assert_eq!(refusal(b"\x09x"), "there is no kind of message 9");
        assert_eq!(refusal(b"\x04{}"), "a message cannot be read");
        assert_eq!(refusal(&[0; FRAME_LIMIT + 2]), "a message is larger than 64 KiB");
    }
}
