use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::deadline;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Proxy;
use super::connection::{Connection, Socket};

/// As many headers as a client may send, and a few of our own.
const HEADERS: usize = 160;

/// No connection came about, so nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreachable {
    #[error("the connection was refused")]
    Refused(#[from] io::Error),
    #[error("the address does not answer")]
    Silent,
    #[error("the connection broke at once")]
    Broken(#[from] hyper::Error),
}

pub(crate) async fn connect_tcp(address: SocketAddr, limit: Duration) -> Result<TcpStream, Unreachable> {
    let connected = deadline(limit, TcpStream::connect(address)).await;
    let stream = connected.map_err(|_late| Unreachable::Silent)??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Proxy {
    /// A new connection to a pod. It lives until it is dropped, the pod closes it, or the router is done.
    pub(super) async fn connect(&self, address: SocketAddr, limit: Duration) -> Result<Connection, Unreachable> {
        let stream = Arc::new(connect_tcp(address, limit).await?);
        let socket = Arc::downgrade(&stream);
        let io = TokioIo::new(Socket(stream));
        let (sender, connection) = http1::Builder::new().max_headers(HEADERS).handshake(io).await?;
        let cut = self.cut.clone();
        self.tasks.spawn("connection to a pod", async move {
            tokio::select! {
                // How it ended is told to the request that was under way.
                _ended = connection.with_upgrades() => {}
                () = cut.cancelled() => {}
            }
        });
        Ok(Connection::new(sender, socket))
    }
}
