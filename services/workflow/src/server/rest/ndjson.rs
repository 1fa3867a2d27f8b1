//! Answers of one object a line, as they come.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use tokio::time::{MissedTickBehavior, interval};
use tokio_stream::wrappers::IntervalStream;

/// A program that follows hears an empty line in this time: no line is a line too.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// An answer of lines that nobody keeps a copy of.
pub(super) fn answer(media_type: &'static str, lines: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let mut response = Response::new(Body::from_stream(lines.map(Ok::<_, Infallible>)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An object on a line of its own.
pub(super) fn line(object: &impl serde::Serialize) -> Bytes {
    // Texts and times can always be written.
    let mut line = serde_json::to_string(object).unwrap_or_default();
    line.push('\n');
    line.into()
}

/// Between the lines an empty one now and then, so that both ends notice when the other is gone.
pub(super) fn with_signs_of_life(lines: BoxStream<'static, Bytes>) -> BoxStream<'static, Bytes> {
    let mut pace = interval(SIGN_OF_LIFE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let signs = IntervalStream::new(pace).skip(1).map(|_tick| Some(Bytes::from_static(b"\n")));
    let lines = lines.map(Some).chain(stream::iter([None]));
    stream::select(lines, signs)
        .take_while(|line| std::future::ready(line.is_some()))
        .filter_map(std::future::ready)
        .boxed()
}
