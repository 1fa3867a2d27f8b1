//! What happens to one request: its host finds a route, the route's rules may refuse it, a pod answers it, the answer streams back.

mod admit;
mod body;
mod client;
mod connect;
mod connection;
mod exchange;
mod headers;
mod kept;
mod outlet;
mod pace;
mod page;
mod place;
mod stall;
mod trace;
mod tunnel;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::Tasks;
use http::header::STRICT_TRANSPORT_SECURITY;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use crate::table::Live;
use crate::traffic::Traffic;
pub use body::{Answer, Upload};
pub use client::{Client, Peer};
pub(crate) use connect::{Unreachable, connect_tcp};
pub(crate) use connection::Connection;
pub use kept::Pool;
pub(crate) use outlet::{Taken, while_taken};
pub(crate) use stall::StallNote;
pub(crate) use tunnel::{tunnel, tunnel_websocket};

/// Marks an answer as the last one of its connection, where a connection has one request at a time: whose app has more to do than it can
/// keeps no connection of the router for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Last;

/// Forwards requests by the live table.
#[derive(Debug)]
pub struct Proxy {
    /// The table.
    pub live: Arc<Live>,
    /// Where connections to pods and tunnels run.
    pub tasks: Tasks,
    /// Answers so far.
    pub traffic: Arc<Traffic>,
    /// Ends tunnels and connections to pods.
    pub cut: CancellationToken,
    /// The connections to pods that wait for their next request.
    pub pool: Arc<Pool>,
    /// How long a request waits for a place at a pod.
    pub place_wait: Duration,
    /// How long a client may take nothing of an answer that there is something of, or send nothing of a request's body.
    pub client_stall: Duration,
    /// How many requests one app may have under way, over all its pods.
    pub most_of_one_app: usize,
}

impl Proxy {
    /// Answers one request. Never fails: what goes wrong is an answer too.
    pub async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Response<Answer> {
        let span = trace::span(&request);
        self.answer_in_span(request, peer).instrument(span).await
    }

    async fn answer_in_span(&self, mut request: Request<Incoming>, peer: Peer) -> Response<Answer> {
        let accept = request.headers().get(http::header::ACCEPT).cloned();
        let (client, admitted) = {
            let table = self.live.table();
            let client = Client::read(&mut request, peer.address.ip(), peer.tls, table.trusted());
            let admitted = admit::admit(&table, &request, &client);
            (client, admitted)
        };
        let (route, result) = match admitted {
            Ok(route) => {
                let result = self.exchange(&route, request, &client, &peer.presence).await;
                (Some(route), result)
            }
            Err((route, refusal)) => (route, Err(refusal)),
        };
        let is_busy = matches!(result, Err(page::Refusal::Busy));
        match &result {
            Err(page::Refusal::Busy) => {
                self.traffic.busy.inc();
            }
            Err(page::Refusal::TooSlow) => {
                self.traffic.slow_uploads.inc();
            }
            _ => {}
        }
        let mut response = result.unwrap_or_else(|refusal| page::page(&refusal, accept.as_ref()));
        if is_busy {
            response.extensions_mut().insert(Last);
        }
        self.traffic.count(route.is_some(), response.status());
        trace::record(&Span::current(), route.as_ref().map(|route| route.app.as_ref()), response.status());
        if client.tls
            && let Some(hsts) = route.as_ref().and_then(|route| route.settings.hsts.clone())
        {
            response.headers_mut().entry(STRICT_TRANSPORT_SECURITY).or_insert(hsts);
        }
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().entry(headers::REQUEST_ID).or_insert(client.request_id);
        }
        response
    }
}
