//! The service behind its real edge: mutual TLS on a loopback port, called as builder, workflow and operator.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Parser as _;
use deis_bootstrap::Context;
use deis_proto::state::holdings_service_client::HoldingsServiceClient;
use deis_proto::state::leadership_service_client::LeadershipServiceClient;
use deis_proto::state::lease_service_client::LeaseServiceClient;
use deis_proto::state::lock_service_client::LockServiceClient;
use deis_proto::state::progress_service_client::ProgressServiceClient;
use deis_proto::state::settings_service_client::SettingsServiceClient;
use deis_rpc::{Client, Fault, Identity, connect};
use deis_state::config::{Config, EtcdConfig};
use deis_state::store::Store;
use deis_state::{StartError, server};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::Status;

use super::authority::Authority;

pub struct Service {
    pub context: Context,
    folder: TempDir,
    address: SocketAddr,
}

impl Service {
    /// Serves from a store until the handle is dropped.
    pub async fn start<S: Store>(store: S) -> Self {
        Self::spawn(|listener, tls, context| async move {
            let identity = Identity::load(tls).unwrap();
            server::serve(store, &identity, listener, context).await
        })
        .await
    }

    /// Runs the whole service on an etcd until the handle is dropped.
    pub async fn run(etcd: EtcdConfig) -> Self {
        Self::spawn(|listener, tls, context| async move {
            let mut config = Config::parse_from(["state", "--tls", tls.to_str().unwrap()]);
            config.etcd = etcd;
            deis_state::run_on(listener, config, context).await
        })
        .await
    }

    async fn spawn<F>(serve: impl FnOnce(TcpListener, PathBuf, Context) -> F) -> Self
    where
        F: Future<Output = Result<(), StartError>> + Send + 'static,
    {
        let folder = certificates();
        let context = Context::new("state");
        let listener = context.bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = serve(listener, folder.path().join("state"), context.clone());
        context.tasks.spawn("service", async { serving.await.unwrap() });
        Self { context, folder, address }
    }

    pub fn leases(&self) -> LeaseServiceClient<Client> {
        LeaseServiceClient::new(self.client("builder"))
    }

    pub fn locks(&self) -> LockServiceClient<Client> {
        LockServiceClient::new(self.client("builder"))
    }

    pub fn leadership(&self) -> LeadershipServiceClient<Client> {
        LeadershipServiceClient::new(self.client("workflow"))
    }

    /// As an operator, or as another who may not.
    pub fn holdings(&self, caller: &str) -> HoldingsServiceClient<Client> {
        HoldingsServiceClient::new(self.client(caller))
    }

    pub fn progress(&self) -> ProgressServiceClient<Client> {
        ProgressServiceClient::new(self.client("workflow"))
    }

    /// As an operator, who may write.
    pub fn settings(&self) -> SettingsServiceClient<Client> {
        SettingsServiceClient::new(self.client("operator"))
    }

    /// As workflow, which may watch.
    pub fn settings_for_workflow(&self) -> SettingsServiceClient<Client> {
        SettingsServiceClient::new(self.client("workflow"))
    }

    fn client(&self, caller: &str) -> Client {
        let identity = Identity::load(self.folder.path().join(caller)).unwrap();
        connect("state", format!("https://{}", self.address).parse().unwrap(), &identity)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

/// One folder for each service that takes part.
pub fn certificates() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    for service in ["state", "builder", "workflow", "operator"] {
        authority.certify_service(service, &folder.path().join(service));
    }
    folder
}

/// The code of a refusal, as text: "lease-gone".
pub fn code(status: Status) -> &'static str {
    Fault::from(&status).code.as_str()
}
