//! TLS below gRPC: the connector of clients and the connections of servers.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt as _};
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tonic::transport::server::Connected;

use crate::identity::{Identity, service_name};

/// A client that has not finished its handshake by then is dropped.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// Handshakes under way at once; more wait in the kernel's queue.
const HANDSHAKES: usize = 64;

/// How a server learns who its clients are.
#[derive(Clone, Debug)]
pub(crate) enum Clients {
    /// By their certificates.
    Certified,
    /// All are the same, and say more in each call.
    Anonymous(&'static str),
}

/// Who is at the other end of a connection: a request extension on the server's side.
#[derive(Clone, Debug)]
pub(crate) struct Peer(pub(crate) Option<String>);

/// A server's connection after the handshake.
pub(crate) struct Connection {
    stream: tokio_rustls::server::TlsStream<TcpStream>,
    peer: Peer,
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The connections that come in, after their handshakes. A failed handshake is nobody's error but the client's.
pub(crate) fn incoming(
    listener: TcpListener,
    identity: Identity,
    clients: Clients,
) -> impl Stream<Item = io::Result<Connection>> {
    tokio_stream::wrappers::TcpListenerStream::new(listener)
        .map(move |stream| handshake(stream, identity.clone(), clients.clone()))
        .buffer_unordered(HANDSHAKES)
        .filter_map(async |result| match result {
            Ok(connection) => Some(Ok(connection)),
            Err(error) => {
                tracing::debug!(%error, "a connection was not made");
                None
            }
        })
}

async fn handshake(stream: io::Result<TcpStream>, identity: Identity, clients: Clients) -> io::Result<Connection> {
    let stream = stream?;
    stream.set_nodelay(true)?;
    let config = match clients {
        Clients::Certified => identity.mutual_server(),
        Clients::Anonymous(_) => identity.anonymous_server(),
    };
    let accept = TlsAcceptor::from(config).accept(stream);
    #[expect(clippy::disallowed_methods, reason = "shared crates do not depend on deis-bootstrap")]
    let stream = tokio::time::timeout(HANDSHAKE_LIMIT, accept).await.map_err(|_elapsed| io::ErrorKind::TimedOut)??;
    let peer = match clients {
        Clients::Certified => {
            let certificates = stream.get_ref().1.peer_certificates();
            certificates.and_then(<[_]>::first).and_then(service_name)
        }
        Clients::Anonymous(name) => Some(name.to_owned()),
    };
    Ok(Connection { stream, peer: Peer(peer) })
}

/// Dials an address and verifies that the other end is the named peer.
pub(crate) async fn dial(
    peer: &'static str,
    address: Uri,
    identity: Identity,
) -> io::Result<TokioIo<tokio_rustls::client::TlsStream<TcpStream>>> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("{address} has no {what}"));
    let host = address.host().ok_or_else(|| invalid("host"))?;
    let port = address.port_u16().ok_or_else(|| invalid("port"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(format!("deis-{peer}")).map_err(io::Error::other)?;
    let stream = TlsConnector::from(identity.client()).connect(name, stream).await?;
    Ok(TokioIo::new(stream))
}
