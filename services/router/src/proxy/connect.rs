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
use super::kept::Kept;
use crate::backend::Backend;

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

impl Unreachable {
    /// Whether it is the address that takes none, and not us who cannot make one.
    pub(super) fn is_its_own(&self) -> bool {
        use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, TimedOut};
        match self {
            Self::Silent => true,
            Self::Refused(error) => matches!(
                error.kind(),
                ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable | TimedOut
            ),
            Self::Broken(_) => false,
        }
    }
}

pub(crate) async fn connect_tcp(address: SocketAddr, limit: Duration) -> Result<TcpStream, Unreachable> {
    let connected = deadline(limit, TcpStream::connect(address)).await;
    let stream = connected.map_err(|_late| Unreachable::Silent)??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Proxy {
    /// A new connection to a pod, which makes room for it if it has as many as it may. It lives until it is dropped, has been idle for
    /// too long, the pod closes it, or the router is done.
    pub(super) async fn connect(
        &self,
        backend: &Backend,
        most: usize,
        limit: Duration,
    ) -> Result<Connection, Unreachable> {
        backend.make_room(most);
        let socket = Socket::new(connect_tcp(backend.address(), limit).await?, backend.open());
        let stream = socket.downgrade();
        let (sender, connection) = http1::Builder::new().max_headers(HEADERS).handshake(TokioIo::new(socket)).await?;
        let kept = Arc::new(Kept::new(&self.pool));
        let (cut, watched) = (self.cut.clone(), Arc::clone(&kept));
        self.tasks.spawn("connection to a pod", async move {
            tokio::select! {
                // How it ended is told to the request that was under way.
                _ended = connection.with_upgrades() => {}
                () = watched.expired() => {}
                () = cut.cancelled() => {}
            }
            watched.close();
        });
        Ok(Connection::new(sender, stream, kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_lack_is_not_the_pods_fault() {
        let refused = |kind: io::ErrorKind| Unreachable::Refused(kind.into());
        assert!(Unreachable::Silent.is_its_own() && refused(io::ErrorKind::ConnectionRefused).is_its_own());
        for code in [nix::libc::EMFILE, nix::libc::EADDRNOTAVAIL, nix::libc::ENOBUFS] {
            assert!(!Unreachable::Refused(io::Error::from_raw_os_error(code)).is_its_own(), "{code}");
        }
    }
}
