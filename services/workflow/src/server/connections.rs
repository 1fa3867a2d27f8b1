//! Connections of the REST API: how many there may be, and how slow. HTTP/1.1 alone: it is what the router speaks to its backends, and what
//! HTTP/2 allows a client to do to a server is between him and the router.

mod body;
mod refusals;
mod seat;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use deis_bootstrap::{Context, deadline};
use futures_util::TryFutureExt as _;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub(super) use self::body::Held;
use self::body::Timed;
use self::refusals::Refusals;
use self::seat::{Seat, seat};
use super::rest;
use crate::limit::Limit;

/// What hyper reads of a request's head before it gives up, in bytes and in lines: it answers 431 without a word, so that the API's own
/// limits, which are told, are to be reached first.
const HEAD_BYTES: usize = 64 * 1024;
const HEAD_LINES: usize = 200;
/// How long a client may take to hear the last words and to close.
const FAREWELL: Duration = Duration::from_secs(2);

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many there are at once, websockets included. An answer takes some KiB, a body 1 MiB at most.
    pub connections: u32,
    /// How many beyond them are told so, each with its next answer; further ones wait in the kernel's queue.
    pub turned_away: u32,
    /// How long the head of a request may take, and how long a connection may wait for its next request: longer than the 55 s for which a
    /// router keeps one that is idle, so that it is not closed under a request.
    pub head: Duration,
    /// How long the body of a request may take, from when it is waited for.
    pub body: Duration,
    /// How long a client may take nothing of what is sent to him.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            turned_away: 64,
            head: Duration::from_secs(75),
            body: Duration::from_secs(60),
            stall: Duration::from_secs(60),
        }
    }
}

/// Serves the API until the process is asked to end and the last connection is closed.
pub async fn serve(mut listener: TcpListener, context: &Context, app: Router, limits: Limits) {
    let seats = Arc::new(Semaphore::new(limits.connections as usize));
    let standing = Arc::new(Semaphore::new(limits.turned_away as usize));
    let refusals = Refusals::register(&context.metrics);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&mut listener, &standing) => accepted,
            () = context.shutdown.cancelled() => break,
        };
        let Some((stand, stream, peer)) = accepted else { break };
        let (place, app) = match Arc::clone(&seats).try_acquire_owned() {
            Ok(seat) => (seat, app.clone()),
            Err(_none) => (stand, rest::full()),
        };
        let seat = seat(stream, limits.stall, place, refusals.clone());
        let converse = converse(seat, peer, app, limits, refusals.clone(), context.shutdown.clone());
        drop(context.tasks.spawn("connection", converse));
    }
    drop(listener);
    // All seats are free when the last connection is closed.
    drop(seats.acquire_many(limits.connections).await);
}

/// The next connection, as soon as it could be told that there is no seat.
async fn accept(
    listener: &mut TcpListener,
    standing: &Arc<Semaphore>,
) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    // It is never closed.
    let stand = Arc::clone(standing).acquire_owned().await.ok()?;
    // Of axum: where there is no file descriptor left it waits a second and tries again.
    let (stream, peer) = Listener::accept(listener).await;
    Some((stand, stream, peer))
}

async fn converse(
    seat: Seat,
    peer: SocketAddr,
    app: Router,
    limits: Limits,
    refusals: Refusals,
    shutdown: CancellationToken,
) {
    let counted = refusals.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(|body| Body::new(Timed::new(body, limits.body)));
        request.extensions_mut().insert(ConnectInfo(peer));
        let (answer, refusals) = (app.clone().oneshot(request), counted.clone());
        answer.inspect_ok(move |answer| {
            if let Some(limit) = answer.extensions().get::<Limit>() {
                refusals.count(*limit);
            }
        })
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head);
    builder.max_buf_size(HEAD_BYTES).max_header_size(HEAD_BYTES).max_headers(HEAD_LINES);
    let mut connection = builder.serve_connection(TokioIo::new(seat), service).with_upgrades();
    let ended = match shutdown.run_until_cancelled(&mut connection).await {
        Some(ended) => ended,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    // A websocket has left.
    let Some(parts) = connection.into_parts() else { return };
    let mut seat = parts.io.into_inner();
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection broke off");
        // It was answered by hyper.
        if error.is_parse_too_large() {
            refusals.count(Limit::Headers);
        }
        // Who has sent nothing asks for nothing: an idle connection just ends.
        if error.is_timeout() && !parts.read_buf.is_empty() {
            refusals.count(Limit::HeaderTime);
            drop(deadline(FAREWELL, seat.write_all(rest::LATE_HEAD)).await);
        }
    }
    drop(deadline(FAREWELL, linger(seat)).await);
}

/// Says that this is the end, and reads what still comes, for nothing: a connection that is closed with something unread in it is reset, and the
/// last answer with it (RFC 9112, section 9.6).
async fn linger(mut seat: Seat) -> io::Result<()> {
    seat.shutdown().await?;
    tokio::io::copy(&mut seat, &mut tokio::io::sink()).await?;
    Ok(())
}
