use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST};
use hyper::{Method, Request, StatusCode};
use tokio::time::interval;

use super::connections::{Answer, Body, Connections};

const SMALL: usize = 1 << 10;
const LARGE: usize = 1 << 20;

/// How long the slow requests take, in seconds.
const SLOW: usize = 5;

/// One of the app's server-sent events.
const EVENT: &str = "data: event\n\n";

/// What takes its time, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slow {
    Nothing,
    /// The answer begins late.
    Answer,
    /// The body comes in pieces, one a second.
    Upload,
    /// The answer is an event a second.
    Events,
}

/// One of the requests of the mix; the release that answered it.
pub(super) async fn ask(connections: &Connections, number: u32) -> Result<String, String> {
    // One in fifty is large and one in twenty slow; every other one of each is a POST. Half of all connections stay.
    let is_post = number % 2 == 1;
    let size = if number % 50 == (number / 50) % 2 { LARGE } else { SMALL };
    let slow = match (number % 20 == 10 + (number / 20) % 2, (number / 40).is_multiple_of(2), is_post) {
        (false, ..) => Slow::Nothing,
        (true, true, _) => Slow::Answer,
        (true, false, true) => Slow::Upload,
        (true, false, false) => Slow::Events,
    };
    let stays = (number / 2).is_multiple_of(2);

    let method = if is_post { Method::POST } else { Method::GET };
    let (sent, wanted) = match slow {
        Slow::Events => (0, SLOW * EVENT.len()),
        _ if is_post => (size, 0),
        _ => (0, size),
    };
    let query = match slow {
        Slow::Events => format!("events={SLOW}"),
        Slow::Answer => format!("bytes={wanted}&seconds={SLOW}"),
        Slow::Nothing | Slow::Upload => format!("bytes={wanted}"),
    };
    let uri = format!("{}?{query}", connections.path);
    let request = Request::builder().method(&method).uri(uri).header(HOST, &connections.host);
    let request = request.header(CONNECTION, if stays { "keep-alive" } else { "close" });
    let request = if is_post { request.header(CONTENT_LENGTH, sent) } else { request };
    let body =
        if slow == Slow::Upload { in_pieces(sent) } else { Full::new(Bytes::from(vec![b'x'; sent])).boxed_unsync() };
    let request = request.body(body).unwrap();
    let answer = connections.exchange(request, stays).await;
    let answer = answer.map_err(|error| format!("{method} {size} slow {slow:?}: {error}"))?;

    let header =
        |name: &str| answer.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let is_whole = |answer: &Answer| {
        answer.status == StatusCode::OK && answer.bytes == wanted && header("received") == Some(sent.to_string())
    };
    match header("release") {
        Some(release) if is_whole(&answer) => Ok(release),
        release => {
            let code = header("deis-error-code");
            Err(format!("{method} {size}: {} by {release:?}, code {code:?}, {} bytes", answer.status, answer.bytes))
        }
    }
}

/// So many bytes in [`SLOW`] pieces, one a second.
fn in_pieces(bytes: usize) -> Body {
    let piece = bytes.div_ceil(SLOW);
    let pieces = stream::unfold((interval(Duration::from_secs(1)), bytes), move |(mut pace, left)| async move {
        let next = left.min(piece);
        if next == 0 {
            return None;
        }
        pace.tick().await;
        Some((Ok(Frame::data(Bytes::from(vec![b'x'; next]))), (pace, left - next)))
    });
    StreamBody::new(pieces.boxed()).boxed_unsync()
}
