use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use deis_api::rest::{API_VERSION, API_VERSION_HEADER, PLATFORM_VERSION_HEADER};
use tracing::Instrument as _;

/// What stands on every answer.
const HEADERS: [(&str, &str); 8] = [
    (API_VERSION_HEADER, API_VERSION),
    (PLATFORM_VERSION_HEADER, concat!("2.3.0+deis.", env!("CARGO_PKG_VERSION"))),
    ("access-control-allow-origin", "*"),
    ("access-control-allow-headers", "content-type, accept, origin, Authorization, Host"),
    ("access-control-expose-headers", "DEIS_API_VERSION, DEIS_PLATFORM_VERSION"),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("x-xss-protection", "1; mode=block"),
];

pub(super) async fn add(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// One span for each request; it names neither query nor headers, which may hold secrets.
pub(super) async fn span(request: Request, next: Next) -> Response {
    let span = tracing::info_span!("request", method = %request.method(), path = request.uri().path());
    next.run(request).instrument(span).await
}
