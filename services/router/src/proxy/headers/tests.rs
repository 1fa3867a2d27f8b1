use http::{Request, Response};

use super::*;

fn client() -> Client {
    Client {
        address: "192.0.2.1".parse().unwrap(),
        tls: true,
        port: HeaderValue::from_static("443"),
        request_id: HeaderValue::from_static("id"),
    }
}

fn head(uri: &str, version: Version, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().uri(uri).version(version);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn prepared(headers: &[(&str, &str)]) -> HeaderMap {
    let mut head = head("/", Version::HTTP_11, headers);
    prepare_request(&mut head, &client(), None);
    head.headers
}

#[test]
fn the_client_is_named() {
    let headers = prepared(&[("host", "a.b"), ("x_forwarded_for", "6.6.6.6"), ("expect", "100-continue")]);
    let expected = [
        ("host", "a.b"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-request-id", "id"),
    ];
    assert_eq!(headers.len(), expected.len());
    assert!(expected.iter().all(|(name, value)| headers[*name] == *value), "{headers:?}");
}

#[test]
fn headers_of_the_connection_end_here() {
    let headers = prepared(&[
        ("host", "a.b"),
        ("connection", "close, X-Mine"),
        ("connection", "host, content-length, x-forwarded-for"),
        ("x-mine", "1"),
        ("content-length", "3"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("proxy-authorization", "Basic x"),
    ]);
    assert_eq!(headers.len(), 6, "{headers:?}");
    assert!(headers.contains_key("host") && headers.contains_key("content-length"));
    assert_eq!(headers["x-forwarded-for"], "192.0.2.1", "no client can take ours away");
}

#[test]
fn a_trace_goes_on_if_it_is_one() {
    let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = prepared(&[("traceparent", good), ("tracestate", "a=b")]);
    assert_eq!(
        (&headers["traceparent"], &headers["tracestate"]),
        (&HeaderValue::from_static(good), &HeaderValue::from_static("a=b"))
    );
    for bad in [
        "",
        "00-0-0-01",
        &good.replace('4', "0").replace("bf92f3577b30da6a3ce929d0e0e0736", "0"),
        &good.to_uppercase(),
        &format!("{good}-x"),
    ] {
        let headers = prepared(&[("traceparent", bad), ("tracestate", "a=b")]);
        assert!(!headers.contains_key("traceparent") && !headers.contains_key("tracestate"), "{bad}");
    }
}

#[test]
fn http2_becomes_http1() {
    let mut head = head("https://a.b/path?query", Version::HTTP_2, &[("cookie", "a=1"), ("cookie", "b=2")]);
    prepare_request(&mut head, &client(), None);
    assert_eq!((head.uri.to_string().as_str(), head.version), ("/path?query", Version::HTTP_11));
    assert_eq!(
        (&head.headers["host"], &head.headers["cookie"]),
        (&HeaderValue::from_static("a.b"), &HeaderValue::from_static("a=1; b=2"))
    );
}

#[test]
fn upgrades_are_asked_for_with_care() {
    let wanted = |headers: &[(&str, &str)], has_body| wanted_upgrade(&head("/", Version::HTTP_11, headers), has_body);
    let websocket = [("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")];
    assert_eq!(wanted(&websocket, false), Some(HeaderValue::from_static("websocket")));
    assert_eq!(wanted(&websocket, true), None);
    assert_eq!(wanted(&[("upgrade", "websocket")], false), None);
    assert_eq!(wanted(&[("connection", "upgrade"), ("upgrade", "h2c")], false), None);
    assert_eq!(wanted(&[("connection", "upgrade"), ("upgrade", "websocket, h2c")], false), None);
    assert_eq!(wanted(&[("connection", "upgrade"), ("upgrade", "websocket"), ("upgrade", "h2c")], false), None);
}

#[test]
fn an_answer_loses_its_connection_too() {
    let response = Response::builder()
        .status(101)
        .header("upgrade", "websocket")
        .header("connection", "Upgrade, x-own")
        .header("x-own", "1");
    let mut head = response.body(()).unwrap().into_parts().0;
    prepare_response(&mut head);
    assert_eq!(
        (&head.headers["connection"], &head.headers["upgrade"]),
        (&HeaderValue::from_static("upgrade"), &HeaderValue::from_static("websocket"))
    );
    head.status = http::StatusCode::OK;
    prepare_response(&mut head);
    assert!(head.headers.is_empty());
}
