//! How a websocket hears that the router ends: a close frame between two of the other side's frames, with status 1001 (RFC 6455,
//! section 7.4.1: "going away").

use std::io::{self, Cursor};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::{CloseCode, Control, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

/// What may be read at once of what nobody passes on any more.
const REST: usize = 4 * 1024;

/// Who speaks in one direction of a websocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    /// Its frames are masked.
    Client,
    Server,
}

/// One direction of a websocket, up to the end of the connection or of the router. Once `ending` is cancelled the frame under way is
/// finished and a close frame follows, as from the speaker; what else the speaker says is dropped, until he closes.
pub(super) struct Farewell<R> {
    inner: R,
    speaker: Speaker,
    ending: Pin<Box<WaitForCancellationFutureOwned>>,
    phase: Phase,
}

enum Phase {
    Talking(Frames),
    /// What is left to say.
    Saying(Bytes),
    Listening,
}

impl<R> Farewell<R> {
    pub(super) fn new(inner: R, speaker: Speaker, ending: &CancellationToken) -> Self {
        let ending = Box::pin(ending.clone().cancelled_owned());
        Self { inner, speaker, ending, phase: Phase::Talking(Frames::default()) }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Farewell<R> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match &mut this.phase {
                Phase::Talking(frames) => {
                    let is_ending = this.ending.as_mut().poll(context).is_ready();
                    if is_ending && frames.is_between() {
                        let words = if frames.is_closed { Bytes::new() } else { away(this.speaker) };
                        this.phase = Phase::Saying(words);
                        continue;
                    }
                    // What comes after the frame under way is not passed on any more.
                    let room = if is_ending { frames.under_way().min(buffer.remaining()) } else { buffer.remaining() };
                    let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
                    ready!(Pin::new(&mut this.inner).poll_read(context, &mut part))?;
                    frames.pass(part.filled());
                    let count = part.filled().len();
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Phase::Saying(words) if words.is_empty() => this.phase = Phase::Listening,
                Phase::Saying(words) => {
                    buffer.put_slice(&words.split_to(words.len().min(buffer.remaining())));
                    return Poll::Ready(Ok(()));
                }
                Phase::Listening => {
                    let mut rest = [0; REST];
                    let mut rest = ReadBuf::new(&mut rest);
                    ready!(Pin::new(&mut this.inner).poll_read(context, &mut rest))?;
                    if rest.filled().is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

/// The frame that says that the router goes away.
fn away(speaker: Speaker) -> Bytes {
    let reason = CloseFrame { code: CloseCode::Away, reason: "The router is being replaced; connect again.".into() };
    let mut frame = Frame::close(Some(reason));
    if speaker == Speaker::Client {
        frame.header_mut().mask = Some(rand::random());
    }
    let mut bytes = Vec::with_capacity(frame.len());
    // Writing to memory does not fail.
    drop(frame.format(&mut bytes));
    Bytes::from(bytes)
}

/// Where a frame ends and the next one begins (RFC 6455, section 5.2).
#[derive(Default)]
struct Frames {
    /// What has come of a frame's head.
    head: Vec<u8>,
    /// What has not come yet of a frame's payload.
    left: u64,
    /// Whether a close frame has passed, after which nothing may come.
    is_closed: bool,
}

impl Frames {
    const fn is_between(&self) -> bool {
        self.head.is_empty() && self.left == 0
    }

    /// How many bytes may come, and at least one, without a byte of the next frame.
    fn under_way(&self) -> usize {
        usize::try_from(self.left).unwrap_or(usize::MAX).max(1)
    }

    fn pass(&mut self, mut data: &[u8]) {
        while let Some((byte, rest)) = data.split_first() {
            if self.left > 0 {
                let count = data.len().min(self.under_way());
                self.left -= count as u64;
                data = data.get(count..).unwrap_or_default();
                continue;
            }
            data = rest;
            self.head.push(*byte);
            match FrameHeader::parse(&mut Cursor::new(&self.head)) {
                Ok(None) => continue,
                Ok(Some((header, length))) => {
                    self.left = length;
                    self.is_closed |= header.opcode == OpCode::Control(Control::Close);
                }
                // No frames: what is said cannot be interrupted.
                Err(_strange) => self.left = u64::MAX,
            }
            self.head.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tungstenite::protocol::frame::coding::Data;

    use super::*;

    fn text(length: usize, mask: Option<[u8; 4]>) -> Vec<u8> {
        let mut frame = Frame::message("x".repeat(length), OpCode::Data(Data::Text), true);
        frame.header_mut().mask = mask;
        let mut bytes = Vec::new();
        frame.format(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn frames_of_every_length_are_told_apart_at_every_cut() {
        for (length, mask) in [(0, None), (1, Some([1, 2, 3, 4])), (126, None), (70_000, Some([0; 4]))] {
            let frame = text(length, mask);
            for cut in [1, 2, 3, 7, 13, frame.len() - 1] {
                let mut frames = Frames::default();
                let (one, other) = frame.split_at(cut.min(frame.len()));
                frames.pass(one);
                assert_eq!(frames.is_between(), other.is_empty(), "{length} cut at {cut}");
                frames.pass(other);
                assert!(frames.is_between() && !frames.is_closed, "{length} cut at {cut}");
            }
        }
        let mut frames = Frames::default();
        frames.pass(&[text(5, None), away(Speaker::Server).to_vec(), vec![0x81]].concat());
        assert!(frames.is_closed && !frames.is_between());
        frames.pass(b"\x00\xffnot a websocket");
        assert!(!frames.is_between());
    }

    #[tokio::test]
    async fn the_frame_under_way_is_finished_and_a_close_frame_follows() {
        let (mut app, reader) = duplex(1024);
        let ending = CancellationToken::new();
        let mut farewell = Farewell::new(reader, Speaker::Server, &ending);
        let frame = text(20, None);
        let (begun, rest) = frame.split_at(9);
        app.write_all(begun).await.unwrap();
        let mut heard = vec![0; 9];
        farewell.read_exact(&mut heard).await.unwrap();

        ending.cancel();
        app.write_all(&[rest, &text(3, None)].concat()).await.unwrap();
        drop(app);
        farewell.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, [frame, away(Speaker::Server).to_vec()].concat());
        assert_eq!(heard.get(22..26), Some(&[0x88, 0x2e, 0x03, 0xe9][..]));
    }

    #[tokio::test]
    async fn who_waits_hears_it_at_once_and_nobody_twice() {
        let (mut client, reader) = duplex(1024);
        let ending = CancellationToken::new();
        let mut farewell = Farewell::new(reader, Speaker::Client, &ending);
        let mut heard = [0; 2];
        let (read, ()) = tokio::join!(farewell.read_exact(&mut heard), async { ending.cancel() });
        read.unwrap();
        assert_eq!(heard, [0x88, 0x80 | 0x2e], "a masked close frame");

        let ending = CancellationToken::new();
        let mut farewell = Farewell::new(duplex(1).1, Speaker::Client, &ending);
        let Phase::Talking(frames) = &mut farewell.phase else { unreachable!() };
        frames.pass(&away(Speaker::Client));
        ending.cancel();
        let mut heard = Vec::new();
        farewell.read_to_end(&mut heard).await.unwrap();
        assert!(heard.is_empty(), "{heard:?}");
        client.shutdown().await.unwrap();
    }
}
