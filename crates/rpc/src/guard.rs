//! What every request passes before a service sees it: who calls, may he, and the span and count of the call.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use deis_api::Code;
use http::{Request, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::fault::status;
use crate::server::Contract;
use crate::tls::Peer;
use crate::trace::continue_trace;

/// Counts calls by method and gRPC status; register it with the process's metrics as "grpc_calls". A call whose answer is a stream
/// counts with the status at the stream's start.
pub type Calls = Family<CallLabels, Counter>;

/// The labels of [`Calls`]. Only methods of the contract are counted, so that their number is bounded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallLabels {
    /// "/deis.state.v1.LockService/Acquire".
    method: &'static str,
    /// The number of the gRPC status; "0" is OK.
    status: String,
}

/// The name of the service that made this request: "builder".
#[must_use]
pub fn caller<T>(request: &tonic::Request<T>) -> Option<&str> {
    request.extensions().get::<Peer>()?.0.as_deref()
}

#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) contract: Contract,
    pub(crate) calls: Calls,
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { guard: self.clone(), inner }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let peer = request.extensions().get::<Peer>().and_then(|peer| peer.0.clone());
        let rule = self.guard.contract.callers.iter().find(|(path, _)| *path == request.uri().path());
        if let Err(refusal) = allowed(rule, peer.as_deref(), request.uri().path()) {
            tracing::warn!(path = request.uri().path(), peer, "refused a call");
            return Box::pin(std::future::ready(Ok(refusal.into_http())));
        }
        let Some((method, _callers)) = rule else { return Box::pin(self.inner.call(request)) };

        let span = tracing::info_span!("rpc", otel.name = *method, otel.kind = "server", peer);
        continue_trace(&span, request.headers());
        let calls = self.guard.calls.clone();
        let answer = self.inner.call(request);
        let counted = async move {
            let answer = answer.await?;
            let status = answer.headers().get("grpc-status").and_then(|status| status.to_str().ok()).unwrap_or("0");
            calls.get_or_create(&CallLabels { method, status: status.to_owned() }).inc();
            Ok(answer)
        };
        Box::pin(counted.instrument(span))
    }
}

/// Methods of the contract are for those it names. Health and reflection are for every peer that has a name.
fn allowed(rule: Option<&(&str, &[&str])>, peer: Option<&str>, path: &str) -> Result<(), tonic::Status> {
    let Some(peer) = peer else {
        return Err(status(Code::NotAuthenticated, "the client certificate names no service"));
    };
    let is_allowed = match rule {
        Some((_path, callers)) => callers.contains(&peer),
        None => path.starts_with("/grpc.health.v1.") || path.starts_with("/grpc.reflection."),
    };
    if is_allowed { Ok(()) } else { Err(status(Code::PermissionDenied, format!("{peer} may not call {path}"))) }
}
