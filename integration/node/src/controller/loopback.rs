//! The ports of LoadBalancer Services on the machine's own loopback.
//!
//! Names under `localhost` resolve to the loopback on every machine, without a name server and with any label in front.
//! A platform whose domain ends in `localhost` therefore needs its router there. We accept connections and carry their
//! bytes to the Service's address: no rule is left in the machine's packet filter, and a port that another program holds
//! is noticed instead of taken over.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tracing::{debug, info};

/// The forwards that run, by port.
#[derive(Default)]
pub(super) struct Loopback {
    running: BTreeMap<u16, Running>,
}

struct Running {
    target: SocketAddr,
    /// The accepting task; it ends with its connections when this is dropped.
    _task: JoinSet<()>,
}

/// A port that could not be listened on.
pub(super) struct Taken {
    pub(super) port: u16,
    pub(super) reason: io::Error,
}

impl Loopback {
    /// Starts and ends forwards so that exactly the `wanted` ones run; returns those that cannot.
    pub(super) async fn follow(&mut self, wanted: impl Iterator<Item = (u16, SocketAddr)>) -> Vec<Taken> {
        let wanted: BTreeMap<u16, SocketAddr> = wanted.collect();
        self.running.retain(|port, running| wanted.get(port) == Some(&running.target));
        let mut taken = Vec::new();
        for (port, target) in wanted {
            if self.running.contains_key(&port) {
                continue;
            }
            match listen(port).await {
                Ok(listeners) => {
                    info!(port, %target, "serving on the loopback");
                    self.running.insert(port, Running { target, _task: spawn(listeners, target) });
                }
                Err(reason) => taken.push(Taken { port, reason }),
            }
        }
        taken
    }
}

/// Both loopback addresses: a program may try either first. A machine without IPv6 has only the one.
async fn listen(port: u16) -> io::Result<Vec<TcpListener>> {
    let mut listeners = vec![TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?];
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
        Ok(listener) => listeners.push(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
        Err(error) => debug!(%error, "no IPv6 loopback"),
    }
    Ok(listeners)
}

#[expect(clippy::disallowed_methods, reason = "no service, so no `context.tasks`: the set's owner ends the tasks")]
fn spawn(listeners: Vec<TcpListener>, target: SocketAddr) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for listener in listeners {
        tasks.spawn(accept(listener, target));
    }
    tasks
}

#[expect(clippy::disallowed_methods, reason = "no service, so no `context.tasks`: the set ends with this future")]
async fn accept(listener: TcpListener, target: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(carry(stream, target))),
                // Out of file descriptors, say: connections that end free some.
                Err(error) => debug!(%error, "accepting"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(mut client: TcpStream, target: SocketAddr) {
    let result = async {
        let mut server = TcpStream::connect(target).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await
    };
    if let Err(error) = result.await {
        debug!(%error, %target, "a forwarded connection");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn local() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn bytes_and_ends_go_both_ways() {
        let (target, target_address) = local().await;
        let (front, front_address) = local().await;
        let _forward = spawn(vec![front], target_address);
        let mut client = TcpStream::connect(front_address).await.unwrap();
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();

        let (mut server, _) = target.accept().await.unwrap();
        let mut question = String::new();
        server.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question");
        server.write_all(b"answer").await.unwrap();
        drop(server);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
    }

    #[tokio::test]
    async fn a_taken_port_is_named_and_a_dropped_one_is_free() {
        let (other, address) = local().await;
        let port = address.port();
        let mut loopback = Loopback::default();
        let taken = loopback.follow([(port, address)].into_iter()).await;
        assert_eq!(taken.iter().map(|it| it.port).collect::<Vec<_>>(), [port]);

        drop(other);
        assert!(loopback.follow([(port, address)].into_iter()).await.is_empty());
        assert!(TcpListener::bind(address).await.is_err());
        assert!(loopback.follow(std::iter::empty()).await.is_empty());
        // The task that held it ends when the runtime gets to it.
        tokio::task::yield_now().await;
        TcpListener::bind(address).await.unwrap();
    }
}
