//! What a request may be, and how many of them one address may have under way.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::{Next, map_response};
use axum::response::{IntoResponse as _, Response};
use parking_lot::Mutex;

use super::error::ApiError;
use super::headers;
use crate::acting::Acting;
use crate::error::Error;
use crate::limit::Limit;
use crate::server::connections::Held;

/// The path and the query of a request, in bytes: what usual servers take (Apache: 8,190), and four times the longest that `deis` asks for.
const MOST_URI: usize = 8 * 1024;
/// The headers of a request, in lines and in bytes, names included.
const MOST_HEADERS: usize = 100;
const MOST_HEADER_BYTES: usize = 32 * 1024;
/// How many requests of one address are under way, up to the last byte of their answers; an office may be behind it. It is an eighth of the
/// connections that there are.
const MOST_AT_ONCE: u32 = 128;

/// What a client hears that does not come to the end of a request's head.
pub(in crate::server) const LATE_HEAD: &[u8] = b"HTTP/1.1 408 Request Timeout\r\n\
    content-type: application/json\r\n\
    content-length: 58\r\n\
    connection: close\r\n\
    deis_api_version: 2.3\r\n\
    deis-error-code: request-too-slow\r\n\
    \r\n\
    {\"detail\": \"The headers of the request came too slowly.\"}\n";

/// Refuses a request that is longer than any client needs.
pub(super) async fn head(request: Request, next: Next) -> Response {
    match check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => closing(ApiError::from(error)),
    }
}

fn check(request: &Request) -> Result<(), Error> {
    let uri = request.uri().path_and_query().map_or(0, |text| text.as_str().len());
    if uri > MOST_URI {
        return Err(beyond(Limit::Uri, "The path and the query are longer than 8 KiB."));
    }
    let headers = request.headers();
    if headers.len() > MOST_HEADERS {
        return Err(beyond(Limit::Headers, "The request has more than 100 headers."));
    }
    let bytes = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
    if bytes > MOST_HEADER_BYTES {
        return Err(beyond(Limit::Headers, "The request has more than 32 KiB of headers."));
    }
    Ok(())
}

const fn beyond(limit: Limit, message: &'static str) -> Error {
    Error::Beyond { limit, message }
}

/// An answer after which the connection ends: what the client still sends is not wanted.
fn closing(error: ApiError) -> Response {
    let mut response = error.into_response();
    close(response.headers_mut());
    response
}

fn close(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// Requests under way by address.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(Arc<Mutex<HashMap<Option<IpAddr>, u32>>>);

/// One of them.
#[derive(Debug)]
struct One {
    of: UnderWay,
    address: Option<IpAddr>,
}

impl UnderWay {
    fn enter(&self, address: Option<IpAddr>) -> Option<One> {
        let mut counts = self.0.lock();
        let count = counts.entry(address).or_default();
        (*count < MOST_AT_ONCE).then(|| {
            *count += 1;
            One { of: self.clone(), address }
        })
    }
}

impl Drop for One {
    fn drop(&mut self) {
        let mut counts = self.of.0.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// Refuses a request of an address that has too many under way, so that none can take all connections.
pub(super) async fn at_once(State(under_way): State<UnderWay>, request: Request, next: Next) -> Response {
    match under_way.enter(Acting::current().origin()) {
        Some(one) => next.run(request).await.map(|body| Body::new(Held::new(body, one))),
        None => closing(ApiError::from(Error::Later {
            limit: Limit::Requests,
            message: format!(
                "{MOST_AT_ONCE} requests from your address are under way: try again when one of them is answered."
            ),
            after: Duration::from_secs(1),
        })),
    }
}

/// What is answered on a connection for which there is no place.
pub(in crate::server) fn full() -> Router {
    let refuse = async || {
        closing(ApiError::from(Error::Later {
            limit: Limit::Connections,
            message: "The controller has as many connections as it takes: try again in a few seconds.".to_owned(),
            after: Duration::from_secs(3),
        }))
    };
    Router::new().fallback(refuse).layer(map_response(headers::add))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_and_no_more() {
        let (under_way, here, there) = (UnderWay::default(), "192.0.2.7".parse().ok(), "192.0.2.8".parse().ok());
        let mut ones = (0..MOST_AT_ONCE).map(|_| under_way.enter(here).unwrap()).collect::<Vec<_>>();
        assert!(under_way.enter(here).is_none() && under_way.enter(there).is_some());
        ones.pop();
        ones.push(under_way.enter(here).unwrap());
        assert!(under_way.enter(here).is_none());
        ones.clear();
        assert!(under_way.0.lock().is_empty(), "nobody is remembered who has none");
    }

    #[test]
    fn the_last_words_are_an_answer_of_the_contract() {
        let text = std::str::from_utf8(LATE_HEAD).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
        assert!(head.contains(&format!("deis-error-code: {}", Limit::HeaderTime.code())));
        let version = format!("{}: {}\r\n", deis_api::rest::API_VERSION_HEADER, deis_api::rest::API_VERSION);
        assert!(head.contains(&version), "{head}");
        let body = serde_json::from_str::<serde_json::Value>(body).unwrap();
        assert!(body["detail"].is_string());
    }
}
