//! The connection to Redis that everybody shares, kept up.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use backon::Retryable as _;
use deis_bootstrap::Tasks;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ProtocolVersion, RedisConnectionInfo};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::scripts;
use crate::config::StoreConfig;
use crate::error::StartError;
use crate::patience::patience;

const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How long Redis may take for a command that does not wait.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How often a connection that nobody doubts is tried: Redis says nothing when it goes.
const PACE: Duration = Duration::from_secs(1);

/// How Redis is reached.
#[derive(Clone)]
pub struct Link {
    host: String,
    port: u16,
    password_file: PathBuf,
    tasks: Tasks,
    current: Arc<watch::Sender<Option<MultiplexedConnection>>>,
    doubted: Arc<Notify>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// A connection cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreached {
    #[error("the password file {0} cannot be read")]
    Password(PathBuf, #[source] std::io::Error),
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
    #[error(transparent)]
    Task(#[from] deis_bootstrap::TaskFailed),
}

impl Link {
    /// Prepares a link. Nothing is dialled yet.
    ///
    /// # Errors
    /// The address is not a host and a port.
    pub fn new(config: &StoreConfig, tasks: Tasks) -> Result<Self, StartError> {
        let invalid = || StartError::Address(config.address.clone());
        let (host, port) = config.address.rsplit_once(':').ok_or_else(invalid)?;
        let port = port.parse().map_err(|_not_a_number| invalid())?;
        Ok(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            password_file: config.password_file.clone(),
            tasks,
            current: Arc::new(watch::channel(None).0),
            doubted: Arc::default(),
        })
    }

    /// The connection of now.
    pub(super) fn current(&self) -> watch::Receiver<Option<MultiplexedConnection>> {
        self.current.subscribe()
    }

    /// Asks for a look at the connection.
    pub(super) fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Keeps the connection until dropped.
    pub async fn keep(&self) {
        loop {
            let open = || self.open();
            let mut is_news = true;
            let told = |error: &Unreached, _delay| {
                if std::mem::take(&mut is_news) {
                    tracing::warn!(error = ?error, "Redis cannot be reached");
                }
            };
            // It never gives up, so that an error cannot come.
            let Ok(connection) = open.retry(patience()).notify(told).await else { continue };
            tracing::info!(host = self.host, "Redis is reached");
            self.current.send_replace(Some(connection.clone()));
            self.watch(connection).await;
            self.current.send_replace(None);
        }
    }

    /// Waits until the connection is broken.
    async fn watch(&self, mut connection: MultiplexedConnection) {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _tick = pace.tick() => {}
                () = self.doubted.notified() => {}
            }
            if let Err(error) = redis::cmd("PING").exec_async(&mut connection).await {
                tracing::warn!(%error, "the connection to Redis is broken");
                return;
            }
        }
    }

    /// A connection on which Redis knows the scripts. That it answers to a script shows that it has loaded its data, too.
    async fn open(&self) -> Result<MultiplexedConnection, Unreached> {
        let mut connection = self.dial(Some(ANSWER_LIMIT)).await?;
        scripts::load(&mut connection).await?;
        Ok(connection)
    }

    /// A connection of its own, for commands that wait for data: they would hold up all others on a shared one.
    pub(super) async fn dial(&self, answer_limit: Option<Duration>) -> Result<MultiplexedConnection, Unreached> {
        let password = self.password().await?;
        let settings = RedisConnectionInfo::default()
            .set_password(password.expose_secret())
            // Answers have one form, whatever the server's age.
            .set_protocol(ProtocolVersion::RESP2);
        let address = ConnectionAddr::Tcp(self.host.clone(), self.port);
        let info: ConnectionInfo = redis::IntoConnectionInfo::into_connection_info(address)?;
        let limits =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_LIMIT)).set_response_timeout(answer_limit);
        let client = Client::open(info.set_redis_settings(settings))?;
        Ok(client.get_multiplexed_async_connection_with_config(&limits).await?)
    }

    async fn password(&self) -> Result<SecretString, Unreached> {
        let path = self.password_file.clone();
        let read = self.tasks.blocking("read the password of Redis", move || {
            std::fs::read_to_string(&path).map_err(|error| Unreached::Password(path, error))
        });
        Ok(SecretString::from(read.await??.trim_end_matches('\n')))
    }
}
