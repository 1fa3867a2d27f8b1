use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;

use crate::acting::Acting;

/// What the router says about whom it passes on: it takes away what clients say themselves.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// What a request does is done on behalf of whoever calls.
pub(super) async fn scope(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let address = forwarded(request.headers()).or(peer);
    Acting::calling_from(address).scope(next.run(request)).await
}

/// The address that the last one on the way has seen.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let value = headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
    value.rsplit(',').next()?.trim().parse().ok()
}
