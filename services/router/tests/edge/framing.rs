//! Where one message ends and the next begins: what is in doubt is refused, and never reaches an app as something else.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::support::{App, Edge, app, text};

/// What the app saw of a connection's requests: method, target and body.
type Record = Arc<Mutex<Vec<String>>>;

async fn recording() -> (App, Record) {
    let record = Record::default();
    let written = Arc::clone(&record);
    let app = App::start(move |request| {
        let record = Arc::clone(&written);
        async move {
            use http_body_util::BodyExt as _;
            let (head, mut body) = request.into_parts();
            let both = head.headers.contains_key("content-length") && head.headers.contains_key("transfer-encoding");
            assert!(!both, "an app never sees two lengths");
            let mut bytes = Vec::new();
            while let Some(Ok(frame)) = body.frame().await {
                bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
            }
            record.lock().push(format!("{} {} {}", head.method, head.uri, String::from_utf8_lossy(&bytes)));
            text("ok")
        }
    })
    .await;
    (app, record)
}

/// Sends one text on one connection; the statuses of the answers, and what the app saw.
async fn sent(bytes: &str) -> (Vec<u16>, Vec<String>) {
    let (recording, record) = recording().await;
    let edge = Edge::start(app(&[], &[recording.address])).await;
    let answer = edge.raw(bytes.replace('\n', "\r\n").as_bytes()).await;
    let statuses = answer.split("HTTP/1.").filter_map(|answer| answer.get(2..5)?.parse().ok()).collect();
    edge.stop().await;
    let seen = record.lock().clone();
    (statuses, seen)
}

const HOST: &str = "Host: app.example.com\n";

#[tokio::test]
async fn plain_and_pipelined_requests_are_told_apart() {
    let two = format!(
        "POST /1 HTTP/1.1\n{HOST}Content-Length: 3\n\none\
                       POST /2 HTTP/1.1\n{HOST}Transfer-Encoding: chunked\nConnection: close\n\n3;x=y\ntwo\n0\n\n"
    );
    let expected = vec!["POST /1 one".to_owned(), "POST /2 two".to_owned()];
    assert_eq!(sent(&two).await, (vec![200, 200], expected));
}

/// A request that another one hides in: the hidden one must never be served.
#[tokio::test]
async fn no_request_hides_in_another() {
    const HIDDEN: &str = "GET /hidden HTTP/1.1\nHost: app.example.com\n\n";
    for lengths in [
        "Content-Length: 6\nTransfer-Encoding: chunked\n",
        "Transfer-Encoding: chunked\nContent-Length: 6\n",
        "Transfer-Encoding: chunked\nContent-Length: 6\nConnection: content-length\n",
        "Content-Length: 6\nTransfer-Encoding: chunked\nConnection: transfer-encoding\n",
    ] {
        // The chunked body ends at once. Its connection closes, so that what follows is nobody's request.
        let (statuses, seen) = sent(&format!("POST / HTTP/1.1\n{HOST}{lengths}\n0\n\n{HIDDEN}")).await;
        assert_eq!((statuses, seen), (vec![200], vec!["POST / ".to_owned()]), "{lengths}");
    }
    // With an upgrade that has a body, the body is a body and the upgrade is not asked for.
    let upgrade = format!(
        "POST / HTTP/1.1\n{HOST}Connection: upgrade, close\nUpgrade: websocket\nContent-Length: {}\n\n{HIDDEN}",
        HIDDEN.len() + 3
    );
    let (statuses, seen) = sent(&upgrade).await;
    assert_eq!((statuses, seen), (vec![200], vec![format!("POST / {}", HIDDEN.replace('\n', "\r\n"))]));
}

#[tokio::test]
async fn doubtful_lengths_are_refused() {
    for lengths in [
        "Content-Length: 5\nContent-Length: 6\n",
        "Content-Length: 5, 6\n",
        "Content-Length: +5\n",
        "Content-Length: -5\n",
        "Content-Length: 0x5\n",
        "Content-Length: 5 5\n",
        "Content-Length:\n",
        "Content-Length: 99999999999999999999\n",
        "Content-Length : 5\n",
        " Content-Length: 5\n",
        "Transfer-Encoding: identity\n",
        "Transfer-Encoding: xchunked\n",
        "Transfer-Encoding: chunked, identity\n",
        "Transfer-Encoding: \u{b}chunked\n",
        "Transfer-Encoding : chunked\n",
        "Transfer-Encoding:\n chunked\n",
        "Transfer-Encoding\n: chunked\n",
        "X: a\u{0}b\n",
    ] {
        let (statuses, seen) = sent(&format!("POST / HTTP/1.1\n{HOST}{lengths}\nhello")).await;
        assert_eq!((statuses, seen), (vec![400], vec![]), "{lengths:?}");
    }
    let (statuses, seen) = sent(&format!("POST / HTTP/1.0\n{HOST}Transfer-Encoding: chunked\n\n5\nhello\n0\n\n")).await;
    assert_eq!((statuses, seen), (vec![400], vec![]));
}

#[tokio::test]
async fn broken_chunks_end_the_connection() {
    for chunks in ["G\nhello\n", "5\nhelloX", "-5\nhello\n", "fffffffffffffffff\nhello\n", "5 5\nhello\n0\n\n"] {
        let hidden = "GET /hidden HTTP/1.1\nHost: app.example.com\n\n";
        let (statuses, seen) =
            sent(&format!("POST / HTTP/1.1\n{HOST}Transfer-Encoding: chunked\n\n{chunks}{hidden}")).await;
        assert!(statuses.iter().all(|status| *status >= 400) && statuses.len() <= 1, "{chunks:?}: {statuses:?}");
        assert!(
            !seen.iter().any(|line| line.contains("/hidden HTTP") || line.starts_with("GET")),
            "{chunks:?}: {seen:?}"
        );
    }
}

#[tokio::test]
async fn a_request_has_one_host() {
    for (head, status) in [
        ("GET / HTTP/1.1\nHost: app.example.com\nHost: app.example.com\n", 400),
        ("GET / HTTP/1.1\nHost: app.example.com\nHost: other.example.com\n", 400),
        ("GET / HTTP/1.1\n", 400),
        ("GET / HTTP/1.1\nHost:\n", 400),
        ("GET / HTTP/1.1\nHost: app.example.com, other.example.com\n", 400),
        ("GET / HTTP/1.1\nHost: user@app.example.com\n", 400),
        ("GET / HTTP/1.1\nHost: app.example.com:x\n", 400),
        ("GET / HTTP/1.1\nHost: app.example.com/\n", 400),
        ("GET http://other.example.com/ HTTP/1.1\nHost: app.example.com\n", 400),
        ("GET http://user@app.example.com/ HTTP/1.1\nHost: app.example.com\n", 400),
        ("GET / HTTP/1.0\n", 400),
        ("CONNECT app.example.com:80 HTTP/1.1\nHost: app.example.com:80\n", 405),
        ("GET http://app.example.com/ HTTP/1.1\nHost: APP.example.com:80\n", 200),
        ("GET / HTTP/1.0\nHost: app.example.com.\n", 200),
        ("OPTIONS * HTTP/1.1\nHost: app.example.com\n", 200),
    ] {
        let (statuses, seen) = sent(&format!("{head}Connection: close\n\n")).await;
        assert_eq!((statuses, seen.len()), (vec![status], usize::from(status == 200)), "{head:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_1_is_refused_here() {
    for bytes in [
        "GET /\n\n",
        "PRI * HTTP/2.0\n\nSM\n\n",
        "GET / HTTP/1.2\nHost: app.example.com\n\n",
        "\u{16}\u{3}\u{1}",
        "GET  / HTTP/1.1\n\n",
    ] {
        let (statuses, seen) = sent(&format!("{bytes}\n\n")).await;
        assert!(statuses.iter().all(|status| *status >= 400) && seen.is_empty(), "{bytes:?}: {statuses:?}");
    }
}

#[tokio::test]
async fn heads_have_limits() {
    for head in [format!("X: {}\n", "x".repeat(100_000)), "X: y\n".repeat(200)] {
        let (statuses, seen) = sent(&format!("GET / HTTP/1.1\n{HOST}{head}\n")).await;
        assert_eq!((statuses, seen), (vec![431], vec![]));
    }
    let (statuses, _) = sent(&format!("GET /{} HTTP/1.1\n{HOST}\n", "x".repeat(70_000))).await;
    assert!(matches!(statuses.as_slice(), [414 | 431]), "{statuses:?}");
}
