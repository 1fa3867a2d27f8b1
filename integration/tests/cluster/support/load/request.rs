use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, HOST};
use hyper::{Method, Request, StatusCode};

use super::connections::{Answer, Connections};

const SMALL: usize = 1 << 10;
const LARGE: usize = 1 << 20;

/// How late the late answers are, in seconds.
const LATE: u32 = 5;

/// One of the requests of the mix; the release that answered it.
pub(super) async fn ask(connections: &Connections, number: u32) -> Result<String, String> {
    // One in fifty is large and one in twenty late; every other one of each is a POST. Half of all connections stay.
    let is_post = number % 2 == 1;
    let size = if number % 50 == (number / 50) % 2 { LARGE } else { SMALL };
    let seconds = if number % 20 == 10 + (number / 20) % 2 { LATE } else { 0 };
    let stays = (number / 2).is_multiple_of(2);

    let (method, body, wanted) =
        if is_post { (Method::POST, vec![b'x'; size], 0) } else { (Method::GET, Vec::new(), size) };
    let sent = body.len();
    let request = Request::builder().method(&method).uri(format!("/?bytes={wanted}&seconds={seconds}"));
    let request =
        request.header(HOST, &connections.host).header(CONNECTION, if stays { "keep-alive" } else { "close" });
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let answer =
        connections.exchange(request, stays).await.map_err(|error| format!("{method} {size} {seconds} s: {error}"))?;

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
