//! The SSH server. Everything that knows the SSH library is in this module: its interface changes often.
//!
//! A connection proves a key, opens session channels and asks for one command on each. What is not a command is refused in words
//! where SSH has room for words.

mod channel;
mod handler;
mod keys;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use deis_api::Username;
use deis_bootstrap::{Context, Tasks, deadline};
use futures_util::future::BoxFuture;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey};
use russh::server::{Config, run_stream};
use russh::{MethodKind, MethodSet, Preferred, SshId, compression};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub(crate) use channel::{Exchange, Output, Request};
pub use keys::KeyError;
pub(crate) use keys::load as load_host_keys;

use crate::Error;
use handler::Handler;

/// How long a client that is told to go has to do so.
const FAREWELL: Duration = Duration::from_secs(5);

/// A client that is silent for this long, and does not answer when asked, is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(120);

/// Key algorithms, for host keys and users' keys: RSA with SHA-1 is not among them.
const KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// What the server asks of the rest of the builder.
pub(crate) trait Service: Send + Sync + 'static {
    /// The user whose key this is.
    fn authenticate(&self, public_key: Vec<u8>) -> BoxFuture<'_, Result<Option<Username>, Error>>;

    /// Serves a request to its end; the exit status.
    fn serve(&self, exchange: Exchange) -> BoxFuture<'_, u32>;
}

/// Bounds of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) connections: usize,
    /// How long a client may take to say who it is, and again to prove a key.
    pub(crate) login: Duration,
    /// Longest life of a connection.
    pub(crate) lifetime: Duration,
}

/// Serves until shutdown, and returns when the connections have ended that there are then: their requests go on.
pub(crate) async fn serve(
    listener: TcpListener,
    keys: Vec<PrivateKey>,
    bounds: Bounds,
    service: Arc<dyn Service>,
    context: Context,
) {
    let config = Arc::new(config(keys));
    let slots = Arc::new(Semaphore::new(bounds.connections));
    accept(listener, config, bounds, service, &context, &slots).await;
    // Each connection has a slot until it ends.
    drop(slots.acquire_many(u32::try_from(bounds.connections).unwrap_or(u32::MAX)).await);
}

/// Takes connections until shutdown.
async fn accept(
    listener: TcpListener,
    config: Arc<Config>,
    bounds: Bounds,
    service: Arc<dyn Service>,
    context: &Context,
    slots: &Arc<Semaphore>,
) {
    // The oldest first.
    let mut strangers = VecDeque::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = context.shutdown.cancelled() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // A connection that broke before it was accepted; the listener itself is fine.
            Err(error) => {
                tracing::debug!(%error, "a connection was not accepted");
                continue;
            }
        };
        strangers.retain(Stranger::is_one);
        if slots.available_permits() == 0
            && let Some(oldest) = strangers.pop_front()
        {
            oldest.sent_away.cancel();
        }
        let slot = tokio::select! {
            slot = Arc::clone(slots).acquire_owned() => slot,
            () = context.shutdown.cancelled() => return,
        };
        let stranger = Stranger::default();
        strangers.push_back(stranger.clone());
        let connection = Connection { config: Arc::clone(&config), service: Arc::clone(&service), peer };
        let tasks = context.tasks.clone();
        drop(context.tasks.spawn("ssh connection", async move {
            connection.run(stream, bounds, stranger, tasks).await;
            drop(slot);
        }));
    }
}

/// A client that has not proved a key yet. When there is no room, the oldest makes some: nobody keeps others out by being silent.
#[derive(Clone, Default)]
struct Stranger {
    /// It has proved one, or is gone.
    proved: CancellationToken,
    sent_away: CancellationToken,
}

impl Stranger {
    fn is_one(&self) -> bool {
        !self.proved.is_cancelled()
    }

    async fn sent_away(&self) {
        self.sent_away.cancelled().await;
        if !self.is_one() {
            std::future::pending::<()>().await;
        }
    }
}

struct Connection {
    config: Arc<Config>,
    service: Arc<dyn Service>,
    peer: SocketAddr,
}

impl Connection {
    async fn run(self, stream: TcpStream, bounds: Bounds, stranger: Stranger, tasks: Tasks) {
        let _gone = stranger.proved.clone().drop_guard();
        let peer = self.peer;
        let (stream, socket) = match twice(stream) {
            Ok(both) => both,
            Err(error) => return tracing::warn!(%error, "a connection cannot be served"),
        };
        tokio::select! {
            () = self.attend(stream, bounds, stranger.proved.clone(), tasks) => {}
            () = stranger.sent_away() => tracing::info!(%peer, "a client without a key makes room"),
        }
        // The library's own task may live on, in the middle of a key exchange say: it ends with its socket.
        drop(socket.shutdown(std::net::Shutdown::Both));
    }

    async fn attend(self, stream: TcpStream, bounds: Bounds, proved: CancellationToken, tasks: Tasks) {
        // Cancelled when the connection is over: whoever still reads from one of its channels stops.
        let over = CancellationToken::new();
        let _over = over.clone().drop_guard();
        let handler = Handler::new(self.service, self.peer, proved.clone(), over.clone(), tasks);
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let session = match deadline(bounds.login, run_stream(self.config, stream, handler)).await {
            Ok(Ok(session)) => session,
            Ok(Err(error)) => return tracing::debug!(%error, peer = %self.peer, "not an SSH client"),
            Err(_) => return tracing::debug!(peer = %self.peer, "a client that says nothing"),
        };
        let handle = session.handle();
        tokio::pin!(session);
        let late = async {
            if deadline(bounds.login, proved.cancelled()).await.is_ok() {
                // A connection without an end would keep its slot for ever.
                let _late = deadline(bounds.lifetime, std::future::pending::<()>()).await;
            }
        };
        tokio::select! {
            ended = &mut session => {
                if let Err(error) = ended {
                    tracing::debug!(%error, peer = %self.peer, "a connection broke");
                }
            }
            () = late => {
                over.cancel();
                let text = "the connection has lasted too long".to_owned();
                let farewell = async {
                    drop(handle.disconnect(russh::Disconnect::ByApplication, text, "en".to_owned()).await);
                    drop(session.await);
                };
                let _late = deadline(FAREWELL, farewell).await;
            }
        }
    }
}

/// A socket, and another handle of it.
fn twice(stream: TcpStream) -> std::io::Result<(TcpStream, std::net::TcpStream)> {
    let stream = stream.into_std()?;
    let socket = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, socket))
}

fn config(keys: Vec<PrivateKey>) -> Config {
    Config {
        server_id: SshId::Standard(Cow::Borrowed("SSH-2.0-Deis")),
        methods: MethodSet::from([MethodKind::PublicKey].as_slice()),
        auth_rejection_time: Duration::from_millis(300),
        auth_rejection_time_initial: Some(Duration::ZERO),
        max_auth_attempts: 10,
        keys,
        // Big enough for 50 MB/s over 300 ms. It costs no memory: what is not taken stays in the socket.
        window_size: 16 << 20,
        channel_buffer_size: 16,
        preferred: Preferred {
            key: Cow::Borrowed(KEYS),
            compression: Cow::Borrowed(&[compression::NONE]),
            ..Preferred::DEFAULT
        },
        inactivity_timeout: Some(SILENCE),
        keepalive_interval: Some(KEEP_ALIVE),
        nodelay: true,
        ..Config::default()
    }
}
