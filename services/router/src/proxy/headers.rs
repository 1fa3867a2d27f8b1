//! What of a message belongs to one connection, and what goes on to the next.

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{Uri, Version, response};

use super::client::Client;
use super::trace;

pub(super) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Headers of one connection (RFC 9110, section 7.6.1, with those that older software means so). `Transfer-Encoding` is written
/// anew for the next connection.
const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HTTP2_SETTINGS,
];

/// Makes a client's request one of ours to a pod: HTTP/1.1, target in origin form, no headers of the client's connection, ours about
/// the client. `upgrade` is the protocol that is asked for, if it may be.
pub(super) fn prepare_request(head: &mut Parts, client: &Client, upgrade: Option<&HeaderValue>) {
    if head.uri.authority().is_some() {
        let host = head.uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        if let Some(host) = host {
            head.headers.entry(HOST).or_insert(host);
        }
        let path = head.uri.path_and_query().cloned();
        head.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    }
    if head.version == Version::HTTP_2 {
        join_cookies(&mut head.headers);
    }
    head.version = Version::HTTP_11;
    let headers = &mut head.headers;
    strip_connection(headers);
    // The client is told to go on when a pod begins to read, whatever the pod thinks of it.
    headers.remove(EXPECT);
    strip_lookalikes(headers);
    if !headers.get(TRACE_PARENT).is_none_or(is_trace_parent) {
        headers.remove(TRACE_PARENT);
        headers.remove(TRACE_STATE);
    }
    trace::inject(headers);
    if let Ok(address) = HeaderValue::try_from(client.address.to_string()) {
        headers.insert(FORWARDED_FOR, address);
    }
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(client.proto()));
    headers.insert(FORWARDED_PORT, client.port.clone());
    headers.insert(REQUEST_ID, client.request_id.clone());
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol.clone());
    }
}

/// Makes a pod's answer ours to the client.
pub(super) fn prepare_response(head: &mut response::Parts) {
    let upgrade = head.headers.get(UPGRADE).cloned();
    strip_connection(&mut head.headers);
    head.version = Version::HTTP_11;
    if head.status == http::StatusCode::SWITCHING_PROTOCOLS
        && let Some(protocol) = upgrade
    {
        head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        head.headers.insert(UPGRADE, protocol);
    }
}

/// The protocol that a request wants to change to: only what a pod may be asked for. Not HTTP/2, through which requests would pass
/// that no rule has seen; not with a body, whose end the two sides could see differently.
pub(super) fn wanted_upgrade(head: &Parts, has_body: bool) -> Option<HeaderValue> {
    let asked = head
        .headers
        .get_all(CONNECTION)
        .iter()
        .any(|line| tokens(line).any(|token| token.eq_ignore_ascii_case("upgrade")));
    if head.version != Version::HTTP_11 || has_body || !asked {
        return None;
    }
    let mut lines = head.headers.get_all(UPGRADE).iter();
    let protocol = lines.next().filter(|_| lines.next().is_none())?;
    tokens(protocol).all(|token| !token.to_ascii_lowercase().starts_with("h2")).then(|| protocol.clone())
}

fn strip_connection(headers: &mut HeaderMap) {
    let named =
        headers.get_all(CONNECTION).iter().flat_map(tokens).filter_map(|token| token.parse::<HeaderName>().ok());
    // Where a message ends and whom it is for is not a matter of one connection, whatever a client says.
    let named = named.filter(|name| *name != HOST && *name != CONTENT_LENGTH).collect::<Vec<_>>();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

fn tokens(line: &HeaderValue) -> impl Iterator<Item = &str> {
    line.to_str().unwrap_or_default().split(',').map(str::trim).filter(|token| !token.is_empty())
}

/// Many servers read `X_Forwarded_For` as `X-Forwarded-For`: headers with an underscore are not passed on.
fn strip_lookalikes(headers: &mut HeaderMap) {
    let lookalikes = headers.keys().filter(|name| name.as_str().contains('_')).cloned().collect::<Vec<_>>();
    for name in lookalikes {
        headers.remove(name);
    }
}

/// HTTP/2 may split cookies over lines, HTTP/1.1 may not (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(COOKIE).iter();
    if let (Some(first), Some(_)) = (lines.next(), lines.next()) {
        let mut joined = first.as_bytes().to_vec();
        for line in headers.get_all(COOKIE).iter().skip(1) {
            joined.extend_from_slice(b"; ");
            joined.extend_from_slice(line.as_bytes());
        }
        if let Ok(joined) = HeaderValue::from_bytes(&joined) {
            headers.insert(COOKIE, joined);
        }
    }
}

/// `00-{32 digits}-{16 digits}-{2 digits}`, neither id zero (W3C Trace Context, section 3.2).
fn is_trace_parent(value: &HeaderValue) -> bool {
    let parts = value.to_str().unwrap_or_default().split('-').collect::<Vec<_>>();
    let [version, trace, span, flags] = parts.as_slice() else { return false };
    let hex = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let some = |text: &str| text.bytes().any(|byte| byte != b'0');
    *version == "00" && hex(trace, 32) && hex(span, 16) && hex(flags, 2) && some(trace) && some(span)
}

#[cfg(test)]
mod tests;
