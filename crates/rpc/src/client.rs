use std::time::Duration;

use http::Uri;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

use crate::identity::Identity;
use crate::tls;
use crate::trace::InjectContext;

const CONNECT_LIMIT: Duration = Duration::from_secs(3);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_LIMIT: Duration = Duration::from_secs(5);

/// A connection to one peer, for the generated clients: `LockServiceClient::new(client)`. Clones share it. It is made at the first
/// call and made again whenever it broke; calls meanwhile fail with UNAVAILABLE.
pub type Client = InterceptedService<Channel, InjectContext>;

/// Prepares a connection to `peer` ("state") at an address such as `https://deis-state:50051`. Nothing is dialled yet.
#[must_use]
pub fn connect(peer: &'static str, address: Uri, identity: &Identity) -> Client {
    let identity = identity.clone();
    // Silent peers are noticed within 15 s, also when a long-running call waits for an answer.
    let channel = Endpoint::from(without_tls(address))
        .connect_timeout(CONNECT_LIMIT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_LIMIT)
        .keep_alive_while_idle(true)
        .connect_with_connector_lazy(tower::service_fn(move |address| tls::dial(peer, address, identity.clone())));
    InterceptedService::new(channel, InjectContext)
}

/// tonic wants to do TLS itself when it reads "https"; here the connector does it.
fn without_tls(address: Uri) -> Uri {
    let mut parts = address.into_parts();
    parts.scheme = Some(http::uri::Scheme::HTTP);
    parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
    // Without a host it stays an address that cannot be dialled, and calls say so.
    Uri::from_parts(parts).unwrap_or_default()
}

/// A request that has to be answered within `limit`. Both sides know the limit (`grpc-timeout`). For calls whose answer is a
/// stream it bounds the time to the stream's start.
pub fn request<T>(message: T, limit: Duration) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(limit);
    request
}
