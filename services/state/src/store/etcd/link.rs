use std::path::Path;
use std::time::Duration;

use backon::Retryable as _;
use deis_bootstrap::deadline;
use etcd_client::{Certificate, Client, ConnectOptions, Identity, TlsOptions};
use parking_lot::RwLock;

use super::CALL_LIMIT;
use crate::config::EtcdConfig;
use crate::error::StartError;
use crate::patience::patience;

/// A key that is never written. Reading it asks a member that has a leader; watching it notices the connection's end.
const PROBE: &str = "/deis/probe";

/// The connection to etcd, replaced as a whole when it breaks.
pub(super) struct Link {
    config: EtcdConfig,
    client: RwLock<Client>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Why etcd is not reached.
#[derive(Debug, thiserror::Error)]
enum Unreached {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Call(#[from] etcd_client::Error),
    #[error(transparent)]
    Late(#[from] deis_bootstrap::DeadlineExceeded),
}

impl Link {
    pub(super) async fn open(config: EtcdConfig) -> Result<Self, StartError> {
        let client = RwLock::new(connect(&config).await?);
        Ok(Self { config, client })
    }

    /// The client of now.
    pub(super) fn client(&self) -> Client {
        self.client.read().clone()
    }

    pub(super) async fn keep(&self, mut on_change: impl FnMut(bool)) {
        loop {
            let reach = || self.reach();
            let report = |error: &Unreached, pause| tracing::warn!(%error, ?pause, "etcd is not reached");
            // It tries for ever, so that there is no error left.
            if reach.retry(patience()).notify(report).await.is_err() {
                continue;
            }
            tracing::info!(endpoints = ?self.config.endpoints, "etcd is reached");
            on_change(true);
            let error = self.until_lost().await;
            tracing::warn!(%error, "lost etcd");
            on_change(false);
        }
    }

    /// Connects anew, with the certificate that is there now.
    async fn reach(&self) -> Result<(), Unreached> {
        let mut client = connect(&self.config).await?;
        deadline(CALL_LIMIT, client.get(PROBE, None)).await??;
        *self.client.write() = client;
        Ok(())
    }

    async fn until_lost(&self) -> etcd_client::Error {
        let ended = || etcd_client::Error::WatchError("the stream ended".to_owned());
        let mut stream = match self.client().watch(PROBE, None).await {
            Ok(stream) => stream,
            Err(error) => return error,
        };
        loop {
            match stream.message().await {
                Ok(Some(answer)) if !answer.canceled() => {}
                Ok(_) => return ended(),
                Err(error) => return error,
            }
        }
    }
}

/// A client that connects when it is used.
async fn connect(config: &EtcdConfig) -> Result<Client, StartError> {
    let mut options = ConnectOptions::new()
        .with_connect_timeout(Duration::from_secs(2))
        .with_keep_alive(Duration::from_secs(10), Duration::from_secs(5))
        // A member that is cut off ends its watches instead of keeping silent.
        .with_require_leader(true);
    if config.endpoints.iter().any(|endpoint| endpoint.starts_with("https://")) {
        options = options.with_tls(tls(&config.tls).await?);
    }
    Ok(Client::connect(&config.endpoints, Some(options)).await?)
}

async fn tls(folder: &Path) -> Result<TlsOptions, StartError> {
    let contents = async |name: &str| {
        let path = folder.join(name);
        tokio::fs::read(&path).await.map_err(|error| StartError::EtcdCertificate(path, error))
    };
    let (authority, certificate, key) =
        (contents("ca.crt").await?, contents("tls.crt").await?, contents("tls.key").await?);
    Ok(TlsOptions::new()
        .ca_certificate(Certificate::from_pem(authority))
        .identity(Identity::from_pem(certificate, key)))
}
