use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::{Stalled, deadline};
use http::StatusCode;
use http::header::{CONNECTION, HeaderValue};
use hyper::rt::{Executor, Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::presence::Presence;
use crate::proxy::{Last, Peer, Proxy, StallNote, Taken, while_taken};

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// A request's head, in bytes and in lines.
const HEAD_BYTES: usize = 64 * 1024;
const HEAD_LINES: usize = 128;

/// HTTP/2: limits per connection.
const STREAMS: u32 = 200;
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_LIMIT: Duration = Duration::from_secs(10);

/// Serves HTTP on accepted connections, plain or over TLS.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) draining: CancellationToken,
    pub(crate) client_idle: Duration,
}

impl Http {
    pub(crate) async fn plain(self, stream: TcpStream, address: SocketAddr, presence: Arc<Presence>) {
        let io = self.stalled(stream, address);
        note_end(address, self.serve_http1(io, Peer { presence, address, tls: false }).await);
    }

    /// What a connection needs for a time only, or for one of the two versions, is in boxes: most are idle nearly always.
    pub(crate) async fn secure(
        self,
        acceptor: TlsAcceptor,
        stream: TcpStream,
        address: SocketAddr,
        presence: Arc<Presence>,
    ) {
        let Some(stream) = Box::pin(shake_hands(acceptor, stream, address)).await else { return };
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let (io, peer) = (self.stalled(stream, address), Peer { presence, address, tls: true });
        let ended =
            if http2 { Box::pin(self.serve_http2(io, peer)).await } else { Box::pin(self.serve_http1(io, peer)).await };
        note_end(address, ended);
    }

    fn stalled<I>(&self, io: I, address: SocketAddr) -> TokioIo<Stalled<I, StallNote>> {
        let note = StallNote { address, count: self.proxy.traffic.stalled.clone() };
        TokioIo::new(Stalled::new(io, self.proxy.client_stall, note))
    }

    /// A connection that is idle when the router ends is told with its next answer. Were it closed, a request could be on its way; so it
    /// is given up as at all times, when it has been idle for long.
    async fn serve_http1<I>(self, io: I, peer: Peer) -> hyper::Result<()>
    where
        I: Read + Write + Unpin + Send + 'static,
    {
        let (proxy, draining) = (self.proxy, self.draining);
        let service = service_fn(move |request| {
            let (proxy, draining, peer) = (Arc::clone(&proxy), draining.clone(), peer.clone());
            // hyper keeps room for it on each connection, also when there is none.
            Box::pin(async move {
                let mut response = proxy.answer(request, peer).await;
                let is_last = response.extensions().get::<Last>().is_some();
                if (draining.is_cancelled() || is_last) && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            })
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.client_idle);
        // A read may go past the size of the buffer, which bounds what waits to be written too.
        builder.max_buf_size(HEAD_BYTES).max_header_size(HEAD_BYTES).max_headers(HEAD_LINES);
        builder.serve_connection(io, service).with_upgrades().await
    }

    /// HTTP/2 has a word for a server that ends (GOAWAY). Who comes then is served once, like with HTTP/1.1.
    async fn serve_http2<I>(self, io: I, peer: Peer) -> hyper::Result<()>
    where
        I: Read + Write + Unpin,
    {
        let asked = CancellationToken::new();
        let (proxy, tell_asked) = (Arc::clone(&self.proxy), asked.clone());
        let service = service_fn(move |request| {
            tell_asked.cancel();
            let (proxy, peer) = (Arc::clone(&proxy), peer.clone());
            Box::pin(async move { Ok::<_, Infallible>(proxy.answer(request, peer).await.map(Taken::new)) })
        });
        let mut builder = http2::Builder::new(Streams(Arc::clone(&self.proxy)));
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_LIMIT)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        let mut connection = pin!(builder.serve_connection(io, service));
        let asked_in_time = tokio::select! {
            ended = connection.as_mut() => return ended,
            asked = deadline(self.client_idle, asked.cancelled()) => asked.is_ok(),
        };
        if !asked_in_time {
            return Ok(());
        }
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.draining.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    }
}

async fn shake_hands(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    address: SocketAddr,
) -> Option<Box<TlsStream<TcpStream>>> {
    match deadline(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => return Some(Box::new(stream)),
        Ok(Err(error)) => tracing::debug!(%address, %error, "a TLS handshake failed"),
        Err(late) => tracing::debug!(%address, %late, "a TLS handshake was not finished"),
    }
    None
}

fn note_end(address: SocketAddr, ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%address, %error, "a connection failed");
    }
}

/// Runs the streams of HTTP/2 connections, as long as clients take what there is for them.
#[derive(Clone, Debug)]
pub(crate) struct Streams(Arc<Proxy>);

impl<F> Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let (limit, stalled) = (self.0.client_stall, self.0.traffic.stalled.clone());
        self.0.tasks.spawn("http/2 stream", async move {
            if while_taken(limit, stream).await.is_err() {
                stalled.inc();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_plain<R>(_: impl Fn(Http, TcpStream, SocketAddr, Arc<Presence>) -> R) -> usize {
        size_of::<R>()
    }

    fn of_secure<R>(_: impl Fn(Http, TlsAcceptor, TcpStream, SocketAddr, Arc<Presence>) -> R) -> usize {
        size_of::<R>()
    }

    /// What each connection has for as long as it lasts, besides the buffers and the state of TLS. It was 2,672 and 8,720 bytes, each four
    /// times in a task, and another 10,712 for the request that there might be.
    #[test]
    fn idle_connections_are_small() {
        let sizes = (of_plain(Http::plain), of_secure(Http::secure));
        println!("{sizes:?} bytes");
        assert!(sizes.0 <= 1500 && sizes.1 <= 500, "{sizes:?}");
    }
}
