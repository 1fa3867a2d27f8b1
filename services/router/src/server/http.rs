use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::deadline;
use http::StatusCode;
use http::header::{CONNECTION, HeaderValue};
use hyper::rt::{Executor, Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::presence::Presence;
use crate::proxy::{Last, Peer, Proxy, Stalled, Taken, while_taken};

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
        self.serve(stream, Peer { presence, address, tls: false }, false).await;
    }

    pub(crate) async fn secure(
        self,
        acceptor: TlsAcceptor,
        stream: TcpStream,
        address: SocketAddr,
        presence: Arc<Presence>,
    ) {
        match deadline(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                self.serve(stream, Peer { presence, address, tls: true }, http2).await;
            }
            Ok(Err(error)) => tracing::debug!(%address, %error, "a TLS handshake failed"),
            Err(late) => tracing::debug!(%address, %late, "a TLS handshake was not finished"),
        }
    }

    async fn serve<I>(self, io: I, peer: Peer, http2: bool)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let address = peer.address;
        let stalled = self.proxy.traffic.stalled.clone();
        let io = TokioIo::new(Stalled::new(io, self.proxy.client_stall, address, stalled));
        let ended = if http2 { self.serve_http2(io, peer).await } else { self.serve_http1(io, peer).await };
        if let Err(error) = ended {
            tracing::debug!(%address, %error, "a connection failed");
        }
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
            async move {
                let mut response = proxy.answer(request, peer).await;
                let is_last = response.extensions().get::<Last>().is_some();
                if (draining.is_cancelled() || is_last) && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
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
            async move { Ok::<_, Infallible>(proxy.answer(request, peer).await.map(Taken::new)) }
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
