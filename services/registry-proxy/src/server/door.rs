//! The door: OCI distribution over HTTP/1.1, reading only.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deis_bootstrap::Context;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::counts::Counts;
use crate::credentials::{Credentials, PullKey};
use crate::error::Refusal;
use crate::relay::Relay;
use crate::target::Target;
use crate::upstream::Upstream;

/// Connections at once; more wait in the kernel's queue. A node's runtime pulls a few layers of a few images at a time.
const MOST_CONNECTIONS: usize = 512;
/// For a request's head, and for the next request on a connection.
const HEAD_LIMIT: Duration = Duration::from_secs(60);

type Answer = Response<Either<Full<Bytes>, Relay>>;

/// Who is let in, and to what.
#[derive(Debug)]
pub struct Door {
    pull_key: PullKey,
    upstream: Arc<Upstream>,
    counts: Counts,
}

impl Door {
    /// A door to a registry, for those whose passwords are made of the key.
    #[must_use]
    pub fn new(pull_key: PullKey, upstream: Arc<Upstream>, counts: Counts) -> Self {
        Self { pull_key, upstream, counts }
    }

    /// Answers a request.
    async fn answer(&self, request: &Request<Incoming>) -> Answer {
        self.counts.requests.inc();
        let (method, path) = (request.method(), request.uri().path());
        match self.admit(request) {
            Ok(Target::Base) => base(),
            Ok(target) => match self.upstream.fetch(method.clone(), &target, request.headers()).await {
                Ok(answer) => answer.map(|body| Either::Right(Relay::new(body, self.counts.bytes_sent.clone()))),
                Err(refusal) => {
                    let source = std::error::Error::source(&refusal);
                    tracing::warn!(%method, %target, %refusal, source, "a pull failed");
                    self.refuse(&refusal)
                }
            },
            Err(refusal) => {
                tracing::debug!(%method, path, %refusal, "refused a request");
                self.refuse(&refusal)
            }
        }
    }

    /// What a request may have: something of the very app whose credentials it carries.
    fn admit(&self, request: &Request<Incoming>) -> Result<Target, Refusal> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refusal::Write);
        }
        let header = request.headers().get(AUTHORIZATION).ok_or(Refusal::NoCredentials)?;
        let credentials = Credentials::from_header(header).ok_or(Refusal::WrongCredentials)?;
        if !self.pull_key.verify(&credentials) {
            return Err(Refusal::WrongCredentials);
        }
        match Target::parse(request.uri().path()).ok_or(Refusal::UnknownPath)? {
            Target::Content { app, .. } if app != credentials.app => {
                Err(Refusal::AnotherRepository { app: credentials.app })
            }
            target => Ok(target),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        self.counts.refused.inc();
        let error = Errors { errors: [OciError { code: refusal.oci_code(), message: refusal.to_string() }] };
        // A struct of texts is always JSON.
        let mut answer = json(serde_json::to_vec(&error).unwrap_or_default());
        *answer.status_mut() = StatusCode::from_u16(refusal.code().http_status()).unwrap_or_default();
        let headers = answer.headers_mut();
        headers.insert(HeaderName::from_static("deis-error-code"), HeaderValue::from_static(refusal.code().as_str()));
        match refusal {
            Refusal::NoCredentials | Refusal::WrongCredentials => {
                headers.insert(
                    WWW_AUTHENTICATE,
                    HeaderValue::from_static("Basic realm=\"Deis registry\", charset=\"UTF-8\""),
                );
            }
            Refusal::Write => {
                headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
            _ => {}
        }
        answer
    }
}

/// The body of a refusal (OCI distribution specification, "Error Codes").
#[derive(serde::Serialize)]
struct Errors {
    errors: [OciError; 1],
}

#[derive(serde::Serialize)]
struct OciError {
    code: &'static str,
    message: String,
}

fn base() -> Answer {
    json("{}")
}

fn json(body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(body.into())));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
        .insert(HeaderName::from_static("docker-distribution-api-version"), HeaderValue::from_static("registry/2.0"));
    answer
}

/// Serves until the process is asked to end; the answers under way go on to their end.
pub async fn serve(door: Arc<Door>, listener: TcpListener, context: Context) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let accept = async || {
        // The semaphore is never closed.
        let place = Arc::clone(&places).acquire_owned().await.ok();
        (place, listener.accept().await)
    };
    loop {
        let (place, accepted) = tokio::select! {
            accepted = accept() => accepted,
            () = context.shutdown.cancelled() => return,
        };
        match accepted {
            Ok((stream, _peer)) => {
                let (door, shutdown) = (Arc::clone(&door), context.shutdown.clone());
                context.tasks.spawn("connection", async move {
                    converse(door, stream, shutdown).await;
                    drop(place);
                });
            }
            Err(error) => tracing::warn!(%error, "a connection was not accepted"),
        }
    }
}

async fn converse(door: Arc<Door>, stream: TcpStream, shutdown: CancellationToken) {
    // Without it the last bytes of an answer may wait for an acknowledgement; it fails only on a dead connection.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| {
        let door = Arc::clone(&door);
        async move { Ok::<_, Infallible>(door.answer(&request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_LIMIT)
            .serve_connection(TokioIo::new(stream), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        let source = std::error::Error::source(&error);
        tracing::debug!(%error, source, "a connection broke off");
    }
}
