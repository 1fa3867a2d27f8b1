use std::sync::Arc;
use std::time::{Duration, Instant};

use deis_api::Code;
use deis_bootstrap::{Idle, deadline};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use super::body::{self, Answer, BodyError, Progress, Relayed, Upload, while_moving};
use super::client::Client;
use super::connect::Unreachable;
use super::headers::{prepare_request, prepare_response, wanted_upgrade};
use super::page::Refusal;
use super::{Connection, Proxy, tunnel, tunnel_websocket};
use crate::backend::{Lease, Picked};
use crate::demand::Guest;
use crate::presence::Presence;
use crate::table::Route;

/// A connection that was taken for its last request longer ago may be closed by the pod just as the next one comes: only for requests that
/// may be sent twice. Servers give up connections that have been idle for a second or more.
const SURE: Duration = Duration::from_millis(200);
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
    /// The request, if none of it was sent, with the place that was of no use.
    unsent: Option<(Request<Upload>, Picked)>,
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
        let upload = Upload::new(body, route.settings.body_limit, self.client_stall).ok_or(Refusal::TooLarge)?;
        let progress = upload.progress();
        let upgrade = wanted_upgrade(&head, !upload.is_none());
        let client_side = head.extensions.remove::<OnUpgrade>().filter(|_| upgrade.is_some());
        let is_websocket =
            upgrade.as_ref().is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"));
        prepare_request(&mut head, client, upgrade.as_ref());

        let guest = route.demand.enter(self.most_of_one_app).ok_or(Refusal::Busy)?;
        let sending = self.send(route, Request::from_parts(head, upload));
        let Sent { response, connection, lease } = match route.settings.request_limit {
            Some(limit) => deadline(limit, sending).await.unwrap_or(Err(Refusal::BackendTimedOut))?,
            None => sending.await?,
        };
        progress.iter().for_each(Progress::note_answer);
        let (mut head, inner) = response.into_parts();
        let limit = route.settings.idle_limit;
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            let pod_side = head.extensions.remove::<OnUpgrade>();
            let (Some(client_side), Some(pod_side)) = (client_side, pod_side) else {
                return Err(Refusal::BackendFailed);
            };
            prepare_response(&mut head);
            let held = (lease, guest, Arc::clone(presence));
            self.open_tunnel(client_side, pod_side, is_websocket, limit, held);
            return Ok(Response::from_parts(head, Answer::Whole(None)));
        }
        prepare_response(&mut head);
        let relayed = Relayed {
            app: Arc::clone(&route.app),
            inner,
            idle: Idle::new(limit),
            connection: Some(connection),
            upload: progress,
            lease,
            guest,
            ended: false,
        };
        Ok(Response::from_parts(head, Answer::Relayed(relayed)))
    }

    /// A second pod is tried when the first took nothing of the request, with the table as it is by then, as long as few requests of
    /// the app need that. That an ejected pod is tried again is our wish: it is no burden on the app, and nobody's request fails for it.
    async fn send(&self, route: &Arc<Route>, mut request: Request<Upload>) -> Result<Sent, Refusal> {
        let began = Instant::now();
        let mut route = Arc::clone(route);
        let mut picked = self.place(&route, None, self.place_wait).await?;
        let mut is_last = false;
        loop {
            let others = !is_last && route.backends.len() > 1;
            let failed = match self.attempt(&route, picked, request, others).await {
                Ok(sent) => return Ok(sent),
                Err(failed) => *failed,
            };
            let Some((unsent, first)) = failed.unsent.filter(|_| !is_last) else { return Err(failed.refusal) };
            let tried = first.tried();
            if let Some(newest) = self.live.table().service(&route.key) {
                route = Arc::clone(newest);
            }
            let left = self.place_wait.saturating_sub(began.elapsed());
            picked = match self.place(&route, Some(&tried), left).await {
                Ok(picked) => picked,
                Err(Refusal::Busy) => return Err(Refusal::Busy),
                Err(_no_other) => return Err(failed.refusal),
            };
            is_last = !tried.was_probe;
            if is_last && !route.demand.may_retry() {
                self.traffic.retries_refused.inc();
                return Err(failed.refusal);
            }
            self.traffic.retries.inc();
            request = unsent;
        }
    }

    async fn attempt(
        &self,
        route: &Route,
        picked: Picked,
        request: Request<Upload>,
        others: bool,
    ) -> Result<Sent, Box<Failed>> {
        let limit = route.settings.idle_limit;
        let (mut picked, request) = match send_on_idle(picked, request, limit).await? {
            Reused::Sent(sent) => {
                self.note_accepted(route, sent.lease.backend());
                return Ok(sent);
            }
            Reused::Unsent(picked, request) => (picked, request),
        };
        let backend = picked.lease.backend();
        let patience = if others { PATIENCE.min(route.settings.connect_limit) } else { route.settings.connect_limit };
        let mut connection = match self.connect(backend, route.settings.connections, patience).await {
            Ok(connection) => connection,
            Err(unreachable) => {
                self.note_refused(route, &picked, &unreachable);
                let refusal = match unreachable {
                    Unreachable::Silent => Refusal::BackendTimedOut,
                    Unreachable::Refused(_) | Unreachable::Broken(_) => Refusal::BackendFailed,
                };
                return Err(Box::new(Failed { refusal, unsent: Some((request, picked)) }));
            }
        };
        self.note_accepted(route, backend);
        // It is back, however long its answer takes.
        picked.probe = None;
        let progress = request.body().progress();
        match while_moving(limit, progress.as_ref(), connection.sender.try_send_request(request)).await {
            Ok(Ok(response)) => Ok(Sent { response, connection, lease: picked.lease }),
            Ok(Err(mut failed)) => {
                let address = backend.address();
                let unsent = failed.take_message().map(|request| (request, picked));
                let error = failed.into_error();
                tracing::info!(app = %route.app, %address, %error, "a pod broke the connection");
                Err(Box::new(Failed { refusal: refusal(&error), unsent }))
            }
            Err(_late) => Err(Refusal::BackendTimedOut.into()),
        }
    }

    fn open_tunnel(
        &self,
        client_side: OnUpgrade,
        pod_side: OnUpgrade,
        is_websocket: bool,
        limit: Duration,
        held: (Lease, Guest, Arc<Presence>),
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
    Unsent(Picked, Request<Upload>),
}

/// Tries the idle connections. One that turns out to be closed gives the request back; one that breaks without an answer loses it,
/// unless it may be sent twice.
async fn send_on_idle(picked: Picked, mut request: Request<Upload>, limit: Duration) -> Result<Reused, Box<Failed>> {
    let repeatable = request.method().is_idempotent() && request.body().is_none();
    let idle_limit = if repeatable { Duration::MAX } else { SURE };
    while let Some(mut connection) = picked.lease.backend().take_idle(idle_limit) {
        if connection.ready().await.is_err() {
            continue;
        }
        let copy;
        (request, copy) = if repeatable { copied(request) } else { (request, None) };
        let progress = request.body().progress();
        match while_moving(limit, progress.as_ref(), connection.sender.try_send_request(request)).await {
            Ok(Ok(response)) => {
                return Ok(Reused::Sent(Sent { response, connection, lease: picked.lease }));
            }
            Ok(Err(mut failed)) => match (failed.take_message(), copy) {
                (Some(unsent), _) => request = unsent,
                (None, Some(copy)) => return Ok(Reused::Unsent(picked, copy)),
                (None, None) => return Err(refusal(failed.error()).into()),
            },
            Err(_late) => return Err(Refusal::BackendTimedOut.into()),
        }
    }
    Ok(Reused::Unsent(picked, request))
}

fn copied(request: Request<Upload>) -> (Request<Upload>, Option<Request<Upload>>) {
    let (head, upload) = request.into_parts();
    let copy = Request::from_parts(head.clone(), Upload::none());
    (Request::from_parts(head, upload), Some(copy))
}

/// Whose fault it is that there is no answer.
fn refusal(error: &hyper::Error) -> Refusal {
    match body::cause(error) {
        Some(BodyError::TooLarge) => Refusal::TooLarge,
        Some(BodyError::Late(_)) => Refusal::TooSlow,
        // The only body we send is the client's.
        _ if error.is_user() => {
            Refusal::Malformed(StatusCode::BAD_REQUEST, Code::InvalidArgument, "The request's body did not arrive.")
        }
        _ => Refusal::BackendFailed,
    }
}
