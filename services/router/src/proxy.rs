//! What happens to one request: its host finds a route, the route's rules may refuse it, a pod answers it, the answer streams back.

mod admit;
mod body;
mod client;
mod connect;
mod exchange;
mod headers;
mod idle;
mod page;
mod tunnel;

use std::sync::Arc;

use deis_bootstrap::Tasks;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

use crate::table::{Live, Traffic};
pub use body::{Answer, Upload};
pub use client::{Client, Peer};
pub(crate) use connect::connect_tcp;
pub(crate) use idle::Stalled;
pub(crate) use tunnel::tunnel;

/// Forwards requests by the live table.
#[derive(Debug)]
pub struct Proxy {
    /// The table.
    pub live: Arc<Live>,
    /// Where connections to pods and tunnels run.
    pub tasks: Tasks,
    /// Load balancers before this router: what they say about the client is believed.
    pub trusted: Vec<IpNet>,
    /// Answers to requests that found no route.
    pub unrouted: Arc<Traffic>,
    /// Ends tunnels and connections to pods.
    pub cut: CancellationToken,
}

impl Proxy {
    /// Answers one request. Never fails: what goes wrong is an answer too.
    pub async fn answer(&self, mut request: Request<Incoming>, peer: Peer) -> Response<Answer> {
        let client = Client::read(&mut request, peer, &self.trusted);
        let accept = request.headers().get(http::header::ACCEPT).cloned();
        let table = self.live.table();
        let (traffic, result) = match admit::admit(&table, &request, &client) {
            Ok(route) => {
                let route = Arc::clone(route);
                drop(table);
                (Arc::clone(&route.traffic), self.exchange(&route, request, &client).await)
            }
            Err((route, refusal)) => {
                (route.map_or_else(|| Arc::clone(&self.unrouted), |route| Arc::clone(&route.traffic)), Err(refusal))
            }
        };
        let mut response = result.unwrap_or_else(|refusal| page::page(&refusal, accept.as_ref()));
        traffic.count(response.status());
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().entry(headers::REQUEST_ID).or_insert(client.request_id);
        }
        response
    }
}
