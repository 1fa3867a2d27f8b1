use std::sync::Arc;
use std::time::Duration;

use deis_api::Code;
use deis_bootstrap::deadline;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use super::body::{Answer, Relayed, Upload};
use super::client::Client;
use super::connect::Unreachable;
use super::headers::{prepare_request, prepare_response, wanted_upgrade};
use super::idle::Idle;
use super::page::Refusal;
use super::{Connection, Proxy, tunnel, tunnel_websocket};
use crate::backend::{Backend, Lease};
use crate::presence::Presence;
use crate::table::Route;

/// A connection idle for longer may be closed by the pod just as the next request comes: only for requests that may be sent twice.
/// Servers give up idle connections after a second or more, and while there are requests all the time none is idle for as long as this.
const SURE: Duration = Duration::from_millis(200);
const UNSURE: Duration = Duration::from_secs(55);
/// How long an address may take to accept a connection while there are others to try.
const PATIENCE: Duration = Duration::from_secs(2);

/// A pod's answer, with what has to last until its body has ended.
struct Sent {
    response: Response<Incoming>,
    connection: Connection,
    lease: Lease,
}

/// No answer.
struct Failed {
    refusal: Refusal,
    /// The request, if none of it was sent; and the address that did not take it.
    unsent: Option<(Request<Upload>, Arc<Backend>)>,
}

impl From<Refusal> for Box<Failed> {
    fn from(refusal: Refusal) -> Self {
        Self::new(Failed { refusal, unsent: None })
    }
}

impl Proxy {
    /// Sends an admitted request to a pod and prepares its answer.
    pub(super) async fn exchange(
        &self,
        route: &Arc<Route>,
        request: Request<Incoming>,
        client: &Client,
        presence: &Arc<Presence>,
    ) -> Result<Response<Answer>, Refusal> {
        let (mut head, body) = request.into_parts();
        let (upload, finished) = Upload::new(body);
        let upgrade = wanted_upgrade(&head, !upload.is_none());
        let client_side = head.extensions.remove::<OnUpgrade>().filter(|_| upgrade.is_some());
        let is_websocket =
            upgrade.as_ref().is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"));
        prepare_request(&mut head, client, upgrade.as_ref());

        let Sent { response, connection, lease } = self.send(route, Request::from_parts(head, upload)).await?;
        let (mut head, inner) = response.into_parts();
        let limit = route.settings.idle_limit;
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            let pod_side = head.extensions.remove::<OnUpgrade>();
            let (Some(client_side), Some(pod_side)) = (client_side, pod_side) else {
                return Err(Refusal::BackendFailed);
            };
            prepare_response(&mut head);
            let held = (lease, Arc::clone(presence));
            self.open_tunnel(client_side, pod_side, is_websocket, limit, held);
            return Ok(Response::from_parts(head, Answer::Whole(None)));
        }
        prepare_response(&mut head);
        let relayed = Relayed {
            inner,
            idle: Idle::new(limit),
            connection: Some(connection),
            upload: finished,
            lease,
            ended: false,
        };
        Ok(Response::from_parts(head, Answer::Relayed(relayed)))
    }

    /// A second address is tried when the first took nothing of the request, with the table as it is by then.
    async fn send(&self, route: &Arc<Route>, request: Request<Upload>) -> Result<Sent, Refusal> {
        let failed = match self.attempt(route, request, None).await {
            Ok(sent) => return Ok(sent),
            Err(failed) => *failed,
        };
        let Some((request, avoid)) = failed.unsent else { return Err(failed.refusal) };
        let newest = self.live.table().service(&route.key).map_or_else(|| Arc::clone(route), Arc::clone);
        self.attempt(&newest, request, Some(&avoid)).await.map_err(|again| match again.refusal {
            // There was no second one: what the first did is the answer.
            Refusal::NoBackend => failed.refusal,
            refusal => refusal,
        })
    }

    async fn attempt(
        &self,
        route: &Route,
        request: Request<Upload>,
        avoid: Option<&Arc<Backend>>,
    ) -> Result<Sent, Box<Failed>> {
        let backend = self.choose(route, avoid).ok_or(Refusal::NoBackend)?;
        let lease = backend.lease();
        let limit = route.settings.idle_limit;
        let request = match send_on_idle(lease, request, limit).await? {
            Reused::Sent(sent) => return Ok(sent),
            Reused::Unsent(request) => request,
        };
        let lease = backend.lease();

        let others = avoid.is_none() && route.backends.len() > 1;
        let patience = if others { PATIENCE.min(route.settings.connect_limit) } else { route.settings.connect_limit };
        let mut connection = match self.connect(backend.address(), patience).await {
            Ok(connection) => connection,
            Err(unreachable) => {
                tracing::info!(app = %route.app, address = %backend.address(), error = %unreachable, "a pod took no connection");
                backend.suspect();
                let refusal = match unreachable {
                    Unreachable::Silent => Refusal::BackendTimedOut,
                    Unreachable::Refused(_) | Unreachable::Broken(_) => Refusal::BackendFailed,
                };
                return Err(Box::new(Failed { refusal, unsent: Some((request, Arc::clone(backend))) }));
            }
        };
        match deadline(limit, connection.sender.try_send_request(request)).await {
            Ok(Ok(response)) => Ok(Sent { response, connection, lease }),
            Ok(Err(mut failed)) => {
                let unsent = failed.take_message().map(|request| (request, Arc::clone(backend)));
                let error = failed.into_error();
                tracing::info!(app = %route.app, address = %backend.address(), %error, "a pod broke the connection");
                Err(Box::new(Failed { refusal: refusal(&error), unsent }))
            }
            Err(_late) => Err(Refusal::BackendTimedOut.into()),
        }
    }

    fn choose<'a>(&self, route: &'a Route, avoid: Option<&Arc<Backend>>) -> Option<&'a Arc<Backend>> {
        let service = route.service.as_ref().filter(|_| self.live.distrusts_pods());
        service.or_else(|| route.choose(avoid))
    }

    fn open_tunnel(
        &self,
        client_side: OnUpgrade,
        pod_side: OnUpgrade,
        is_websocket: bool,
        limit: Duration,
        held: (Lease, Arc<Presence>),
    ) {
        let cut = self.cut.clone();
        self.tasks.spawn("tunnel", async move {
            // Both sides switch once the answer has been written; a side that fails before has told its own connection.
            if let Ok((client_side, pod_side)) = tokio::try_join!(client_side, pod_side) {
                let io = hyper_util::rt::TokioIo::new;
                if is_websocket {
                    tunnel_websocket(io(client_side), io(pod_side), limit, &cut).await;
                } else {
                    tunnel(io(client_side), io(pod_side), limit, &cut).await;
                }
            }
            drop(held);
        });
    }
}

enum Reused {
    Sent(Sent),
    Unsent(Request<Upload>),
}

/// Tries the idle connections. One that turns out to be closed gives the request back; one that breaks without an answer loses it,
/// unless it may be sent twice.
async fn send_on_idle(lease: Lease, mut request: Request<Upload>, limit: Duration) -> Result<Reused, Box<Failed>> {
    let repeatable = request.method().is_idempotent() && request.body().is_none();
    let idle_limit = if repeatable { UNSURE } else { SURE };
    while let Some(mut connection) = lease.backend().take_idle(idle_limit) {
        if connection.ready().await.is_err() {
            continue;
        }
        let copy;
        (request, copy) = if repeatable { copied(request) } else { (request, None) };
        match deadline(limit, connection.sender.try_send_request(request)).await {
            Ok(Ok(response)) => return Ok(Reused::Sent(Sent { response, connection, lease })),
            Ok(Err(mut failed)) => match (failed.take_message(), copy) {
                (Some(unsent), _) => request = unsent,
                (None, Some(copy)) => return Ok(Reused::Unsent(copy)),
                (None, None) => return Err(refusal(failed.error()).into()),
            },
            Err(_late) => return Err(Refusal::BackendTimedOut.into()),
        }
    }
    Ok(Reused::Unsent(request))
}

fn copied(request: Request<Upload>) -> (Request<Upload>, Option<Request<Upload>>) {
    let (head, upload) = request.into_parts();
    let copy = Request::from_parts(head.clone(), Upload::none());
    (Request::from_parts(head, upload), Some(copy))
}

/// Whose fault it is that there is no answer.
fn refusal(error: &hyper::Error) -> Refusal {
    if error.is_user() {
        // The only body we send is the client's.
        Refusal::Malformed(StatusCode::BAD_REQUEST, Code::InvalidArgument, "The request's body did not arrive.")
    } else {
        Refusal::BackendFailed
    }
}
