use std::convert::Infallible;
use std::time::Duration;

use http::{Request, Response};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::{Routes, RoutesBuilder};
use tonic_health::ServingStatus;
use tower::Service;

use crate::guard::{Calls, Guard};
use crate::identity::Identity;
use crate::tls::{Clients, incoming};

/// As for clients: a silent client is noticed.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_LIMIT: Duration = Duration::from_secs(5);

/// The contract that a server serves: `deis_proto::CALLERS` and `deis_proto::DESCRIPTORS`.
#[derive(Clone, Copy, Debug)]
pub struct Contract {
    /// Every method's path with the names of those who may call it.
    pub callers: &'static [(&'static str, &'static [&'static str])],
    /// All descriptors, an encoded `google.protobuf.FileDescriptorSet`, for reflection.
    pub descriptors: &'static [u8],
}

/// A gRPC server: our services with health, reflection, the check of callers, spans and counts.
#[derive(Debug)]
pub struct Server {
    identity: Identity,
    contract: Contract,
    clients: Clients,
    routes: RoutesBuilder,
    names: Vec<&'static str>,
    calls: Calls,
}

/// A server cannot start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The descriptors cannot be decoded.
    #[error("the contract's descriptors cannot be used")]
    Descriptors(#[from] tonic_reflection::server::Error),
    /// The transport failed.
    #[error("the gRPC server failed")]
    Transport(#[from] tonic::transport::Error),
}

impl Server {
    /// A server whose clients show certificates.
    #[must_use]
    pub fn new(identity: &Identity, contract: Contract) -> Self {
        Self::with(identity, contract, Clients::Certified)
    }

    /// A server whose clients have no certificates and are all called `name`; its services check more, such as a token.
    #[must_use]
    pub fn anonymous(identity: &Identity, contract: Contract, name: &'static str) -> Self {
        Self::with(identity, contract, Clients::Anonymous(name))
    }

    fn with(identity: &Identity, contract: Contract, clients: Clients) -> Self {
        Self {
            identity: identity.clone(),
            contract,
            clients,
            routes: Routes::builder(),
            names: Vec::new(),
            calls: Calls::default(),
        }
    }

    /// The counts of this server's calls, to be registered with the process's metrics.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.calls.clone()
    }

    /// Adds a generated service: `LockServiceServer::new(…)`.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "the name of a builder's step")]
    pub fn add<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes.add_service(service);
        self
    }

    /// Serves until `shutdown` is done, then until the calls under way have ended. Services end their streams themselves when the
    /// process ends.
    ///
    /// # Errors
    /// The contract cannot be used or the transport failed.
    pub async fn serve(mut self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let (health, health_service) = tonic_health::server::health_reporter();
        for name in &self.names {
            health.set_service_status(*name, ServingStatus::Serving).await;
        }
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(self.contract.descriptors)
            .build_v1()?;
        self.routes.add_service(health_service).add_service(reflection);

        let guard = Guard { contract: self.contract, calls: self.calls };
        tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEP_ALIVE_LIMIT))
            .layer(guard)
            .add_routes(self.routes.routes())
            .serve_with_incoming_shutdown(incoming(listener, self.identity, self.clients), shutdown)
            .await?;
        Ok(())
    }
}
