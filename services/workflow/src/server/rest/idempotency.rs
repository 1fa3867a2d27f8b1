//! `Idempotency-Key` on every change but those of accounts' credentials (draft-ietf-httpapi-idempotency-key-header): what was done is not
//! done again, and who asks again is answered as the first time.
//!
//! The ledger keeps a status and the path of what the answer has shown, for a day ([`crate::ledger::idempotency`]). What is shown again
//! is read at that path by the handler of `GET`, for whoever asks now: so no body is kept, and nobody is shown what he may not see any
//! more. Refusals are not kept: they have changed nothing, and a request that was mended may come with the same key.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, FromRequestParts as _, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use deis_api::Code;
use deis_api::rest::{ERROR_CODE_HEADER, REQUEST_KEY_HEADER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tower::ServiceExt as _;

use super::body::unread;
use super::caller::Caller;
use super::error::ApiError;
use super::{HOOKS, builds, domains, restart};
use crate::access::Actor;
use crate::acting::Acting;
use crate::error::Error;
use crate::ledger::idempotency::{Attempt, Changed, Claim, KeyedRequest, PULSE};
use crate::ledger::{Ledger, RequestKey, User};
use crate::server::Workflow;

/// Stands on an answer that was given before. The draft names no header; this one is the field's.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// How often a repeat looks whether the first is through. Another replica may be at it, and the ledger is all that the two share.
const PACE: Duration = Duration::from_millis(500);
/// How long a repeat waits for the first: no change takes longer.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

/// What tells one request from another, and says nothing of what stands in it.
///
/// Config values, keys and certificates stand in bodies. Of a plain hash, salted or not, who reads the database or a backup could find
/// out a short secret by trying all; for this one he would need a key that is not in there. The platform's pull key is such a secret, all
/// replicas have it, and it lasts. Account and key are part of it, so that equal requests do not look equal.
#[derive(Clone, Debug)]
pub struct Fingerprints(Arc<SecretSlice<u8>>);

impl From<SecretSlice<u8>> for Fingerprints {
    fn from(key: SecretSlice<u8>) -> Self {
        Self(Arc::new(key))
    }
}

impl Fingerprints {
    /// The fingerprint of these parts, in their order.
    fn of(&self, parts: [&[u8]; 5]) -> Result<[u8; 32], Error> {
        let mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret());
        let mut mac = mac.map_err(|error| Error::Internal(error.to_string().into()))?;
        for part in parts {
            // So that what ends one part cannot begin the next.
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        Ok(mac.finalize().into_bytes().into())
    }

    /// A request of this account's.
    ///
    /// # Errors
    /// [`Error::Internal`]: there is no key to make fingerprints with.
    pub fn request(
        &self,
        user: &User,
        key: RequestKey,
        method: &Method,
        path_and_query: &str,
        body: &[u8],
    ) -> Result<KeyedRequest, Error> {
        let username = user.username.clone();
        let [name, text, verb, place] =
            [username.as_str(), key.as_str(), method.as_str(), path_and_query].map(str::as_bytes);
        let fingerprint = self.of([name, text, verb, place, body])?;
        let path = path_and_query.split_once('?').map_or(path_and_query, |(path, _query)| path).to_owned();
        Ok(KeyedRequest { username, key, method: method.to_string(), path, fingerprint })
    }
}

/// What stands between the routes and whoever asks.
#[derive(Clone)]
pub(super) struct Door {
    workflow: Workflow,
    /// Where it is read again what an answer has shown.
    reads: Router,
}

impl Door {
    /// `reads` are the routes of all that can be read.
    pub(super) fn new(workflow: Workflow, reads: Router<Workflow>) -> Self {
        Self { reads: reads.with_state(workflow.clone()), workflow }
    }
}

/// What answers show that has no path of its own, as they show it.
pub(super) fn reads() -> Router<Workflow> {
    Router::new()
        .route("/v2/apps/{app}/builds/cancelled/{sha}/", get(builds::cancelled))
        .route("/v2/apps/{app}/domains/{domain}/", get(domains::show))
        .route("/v2/apps/{app}/pods/restart/", get(restart::restarted_all))
        .route("/v2/apps/{app}/pods/{type}/restart/", get(restart::restarted_of_type))
        .route("/v2/apps/{app}/pods/{type}/{name}/restart/", get(restart::restarted_one))
}

/// The copy of an image is not begun a second time while the first is under way.
const PULL: &str = "/v2/apps/{app}/builds";

/// Requests whose handlers know their repeats by the key themselves, in the transaction that makes the release or by the name of the pod,
/// and wait for the same end as the first; and one that can be done twice. Handlers are asked again whatever has become of the first.
fn knows_its_repeat(method: &Method, path: &str) -> bool {
    let paths: &[&str] = match *method {
        Method::POST => &[PULL, "/v2/apps/{app}/config", "/v2/apps/{app}/releases/rollback", "/v2/apps/{app}/run"],
        // A cache that is cleared is cleared.
        Method::DELETE => &["/v2/apps/{app}/builds/cache"],
        _ => &[],
    };
    paths.contains(&path)
}

/// What is answered to who comes after somebody who made the change and died before he answered.
fn success(method: &Method, path: &str) -> StatusCode {
    match (method, path) {
        (&Method::DELETE, "/v2/apps/{app}/builds/running")
        | (
            &Method::POST,
            "/v2/apps/{app}"
            | "/v2/apps/{app}/pods/restart"
            | "/v2/apps/{app}/pods/{type}/restart"
            | "/v2/apps/{app}/pods/{type}/{name}/restart",
        ) => StatusCode::OK,
        (&Method::DELETE, _) | (&Method::POST, "/v2/apps/{app}/root" | "/v2/apps/{app}/scale") => {
            StatusCode::NO_CONTENT
        }
        _ => StatusCode::CREATED,
    }
}

/// Whether a key is heeded: safe methods change nothing. Of what changes credentials no answer can be given twice, and a repeat with the
/// credentials of before would not even be let in. Keys are an account's, and builders of an operator's have none: what they release is
/// known again by its handler alone.
pub(super) fn is_heeded(method: &Method, path: &str) -> bool {
    !method.is_safe() && !path.starts_with("/v2/auth/") && !path.starts_with(HOOKS)
}

/// Answers a request; one with a key that was answered before as it was then.
pub(super) async fn once(State(door): State<Door>, path: MatchedPath, request: Request, next: Next) -> Response {
    let key = request.headers().get(REQUEST_KEY_HEADER).filter(|_key| is_heeded(request.method(), path.as_str()));
    let Some(key) = key.cloned() else { return next.run(request).await };
    match door.answer(&key, path.as_str().trim_end_matches('/'), request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

impl Door {
    async fn answer(&self, key: &HeaderValue, path: &str, request: Request, next: Next) -> Result<Response, ApiError> {
        let (mut parts, body) = request.into_parts();
        let Caller(actor) = Caller::from_request_parts(&mut parts, &self.workflow).await?;
        let Actor::User(user) = &actor else { return Ok(next.run(Request::from_parts(parts, body)).await) };
        if !user.is_active {
            return Ok(next.run(Request::from_parts(parts, body)).await);
        }
        let key = RequestKey::parse(key.to_str().unwrap_or_default())?;
        let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await.map_err(unread)?;
        let path_and_query = parts.uri.path_and_query().map_or_else(|| parts.uri.path(), |whole| whole.as_str());
        let keyed = self.workflow.fingerprints.request(user, key, &parts.method, path_and_query, &body)?;
        // What handlers know a repeat by is the account's own, too.
        if let Ok(key) = HeaderValue::from_str(keyed.key.of_account(&keyed.username).as_str()) {
            parts.headers.insert(REQUEST_KEY_HEADER, key);
        }
        let handle = next.run(Request::from_parts(parts.clone(), Body::from(body)));
        let knows = knows_its_repeat(&parts.method, path);
        match self.claim(&keyed, !knows || path == PULL).await? {
            Claim::Ours(attempt, changed) => {
                let work = Work { door: self.clone(), success: success(&parts.method, path), parts, knows, attempt };
                Ok(self.workflow.to_the_end("a request with a key", work.done(changed, handle)).await?)
            }
            Claim::Other(method, path) => {
                let message = format!(
                    "This Idempotency-Key was given to another request, {method} {path}: a key is for the repeats of one request alone. \
                     Take a new one."
                );
                Err(Error::refused(Code::KeyReused, message).into())
            }
            Claim::Done(status, Some(object)) if !knows || status == StatusCode::CREATED => {
                Ok(self.replay(&parts, status_of(status), Some(&object)).await?)
            }
            Claim::Done(status, None) if !knows => Ok(self.replay(&parts, status_of(status), None).await?),
            Claim::Done(..) | Claim::UnderWay if knows => Ok(handle.await),
            Claim::Done(..) | Claim::UnderWay => {
                let message = "The first request with this Idempotency-Key is still under way: ask again with the same key later.";
                Err(Error::refused(Code::RequestInProgress, message).into())
            }
        }
    }

    /// What is known of a request; if it is to be waited for, as soon as nobody is at it any more.
    async fn claim(&self, keyed: &KeyedRequest, waits: bool) -> Result<Claim, Error> {
        let begin = Instant::now();
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            match self.workflow.ledger.claim(keyed, Timestamp::now()).await? {
                Claim::UnderWay if waits && begin.elapsed() < PATIENCE => {}
                claim => return Ok(claim),
            }
        }
    }

    /// The answer that was given before: its status, with what it has shown as that is now. A refusal to show it is a refusal.
    async fn replay(&self, parts: &Parts, status: StatusCode, object: Option<&str>) -> Result<Response, Error> {
        let mut response = match object {
            None => status.into_response(),
            Some(path) => {
                let request = parts.headers.get(header::AUTHORIZATION).into_iter();
                let request =
                    request.fold(Request::get(path), |request, token| request.header(header::AUTHORIZATION, token));
                let request = request.body(Body::empty()).map_err(|error| Error::Internal(error.into()))?;
                let mut response = match self.reads.clone().oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
                if !response.status().is_success() {
                    return Ok(response);
                }
                *response.status_mut() = status;
                response
            }
        };
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }
}

/// A status as it was kept.
fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::OK)
}

/// A request that is this process's to do.
struct Work {
    door: Door,
    parts: Parts,
    knows: bool,
    success: StatusCode,
    attempt: Attempt,
}

impl Work {
    /// Does it although the client may go away meanwhile, and keeps what comes of it.
    async fn done(
        self,
        changed: Option<Changed>,
        handle: impl Future<Output = Response> + Send,
    ) -> Result<Response, Error> {
        let ledger = self.door.workflow.ledger.as_ref();
        let was_changed = changed.is_some();
        if let Some(path) = changed.and_then(|changed| changed.object).filter(|_path| !self.knows) {
            // What is there is not made twice. What is not there any more is made anew, or refused.
            let replayed = self.door.replay(&self.parts, self.success, Some(&path)).await?;
            self.attempt.refer(path);
            if replayed.status() == self.success {
                self.keep(self.success).await;
                return Ok(replayed);
            }
        }
        let acting = Acting::current().at(self.attempt.clone());
        let response = tokio::select! {
            response = acting.scope(handle) => response,
            never = pulse(ledger, &self.attempt) => match never {},
        };
        if response.status().is_success() {
            self.keep(response.status()).await;
        } else if was_changed && !self.knows && says_that_it_is_so(&response) {
            self.keep(self.success).await;
            return self.door.replay(&self.parts, self.success, self.attempt.object().as_deref()).await;
        } else if let Err(error) = ledger.give_up(&self.attempt).await {
            tracing::warn!(error = ?error, "a key is not free yet");
        }
        Ok(response)
    }

    /// It was done, whether or not that can be kept: then whoever asks again does it again, as after the death of this process.
    async fn keep(&self, status: StatusCode) {
        if let Err(error) = self.door.workflow.ledger.finish(&self.attempt, status.as_u16()).await {
            tracing::warn!(error = ?error, "an answer is not kept for its repeats");
        }
    }
}

/// Says again and again that this process is at it.
async fn pulse(ledger: &dyn Ledger, attempt: &Attempt) -> std::convert::Infallible {
    let mut pace = interval(PULSE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The claim was the first.
    pace.tick().await;
    loop {
        pace.tick().await;
        if let Err(error) = ledger.pulse(attempt, Timestamp::now()).await {
            tracing::warn!(error = ?error, "the ledger does not hear that a request is under way");
        }
    }
}

/// Whether this is what is said to who asks for what is so already: it is set, it is gone, or the right to it was given up.
fn says_that_it_is_so(response: &Response) -> bool {
    let code = response
        .headers()
        .get(ERROR_CODE_HEADER)
        .and_then(|code| code.to_str().ok())
        .and_then(|code| code.parse().ok());
    matches!(code, Some(Code::NothingChanged | Code::NotSet | Code::NotFound | Code::PermissionDenied))
}
