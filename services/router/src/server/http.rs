use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::{Tasks, deadline};
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::presence::Presence;
use crate::proxy::{Peer, Proxy, Stalled};

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long a client may refuse to take more of an answer.
const STALL_LIMIT: Duration = Duration::from_secs(60);

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
        let was_draining = self.draining.is_cancelled();
        let builder = self.builder(http2, !was_draining);
        let (proxy, address) = (self.proxy, peer.address);
        let service = service_fn(move |request| {
            let (proxy, peer) = (Arc::clone(&proxy), peer.clone());
            async move { Ok::<_, Infallible>(proxy.answer(request, peer).await) }
        });
        let io = TokioIo::new(Stalled::new(io, STALL_LIMIT));
        let mut connection = std::pin::pin!(builder.serve_connection_with_upgrades(io, service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            // One that came while draining is served once in any case.
            () = self.draining.cancelled(), if !was_draining => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%address, error, "a connection failed");
        }
    }

    fn builder(&self, http2: bool, keep_alive: bool) -> Builder<Streams> {
        let builder = Builder::new(Streams(self.proxy.tasks.clone()));
        let mut builder = if http2 { builder.http2_only() } else { builder.http1_only() };
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.client_idle)
            .keep_alive(keep_alive)
            .max_buf_size(HEAD_BYTES)
            .max_headers(HEAD_LINES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_LIMIT)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        builder
    }
}

/// Runs the streams of HTTP/2 connections.
#[derive(Clone, Debug)]
pub(crate) struct Streams(Tasks);

impl<F> Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.0.spawn("http/2 stream", stream);
    }
}
