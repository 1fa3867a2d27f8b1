//! The operator's way to a pod's gRPC port: through the API server, with the certificate `deis-operator-tls`, which those can
//! read who may read the platform's Secrets anyway.

use std::io;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::{Api, Client};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::cluster::KubeError;
use crate::components::{OPERATOR_SECRET, peer_name};

const CONNECT_LIMIT: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
pub(crate) enum ForwardError {
    #[error("cannot read Secret {OPERATOR_SECRET}")]
    Read(#[source] KubeError),
    #[error("Secret {OPERATOR_SECRET} does not exist")]
    Missing,
    #[error("Secret {OPERATOR_SECRET} has no key {0}")]
    Incomplete(&'static str),
    #[error("the certificate in Secret {OPERATOR_SECRET} cannot be used")]
    Tls(#[from] tonic::transport::Error),
}

/// Makes channels to pods.
pub(crate) struct Forwarder {
    pods: Api<Pod>,
    tls: ClientTlsConfig,
}

impl Forwarder {
    /// Reads the operator's certificate.
    pub(crate) async fn load(client: Client, namespace: &str) -> Result<Self, ForwardError> {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let secret = secrets.get_opt(OPERATOR_SECRET).await.map_err(|error| ForwardError::Read(error.into()))?;
        let data = secret.ok_or(ForwardError::Missing)?.data.unwrap_or_default();
        let value = |key| data.get(key).map(|value| value.0.as_slice()).ok_or(ForwardError::Incomplete(key));
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(value("ca.crt")?))
            .identity(Identity::from_pem(value("tls.crt")?, value("tls.key")?));
        Ok(Self { pods: Api::namespaced(client, namespace), tls })
    }

    /// A channel to a port of a pod of `peer`, made at the first call.
    pub(crate) fn channel(&self, pod: &str, peer: &str, port: u16) -> Result<Channel, ForwardError> {
        let (pods, pod) = (self.pods.clone(), pod.to_owned());
        let endpoint = Endpoint::from_static("https://pod")
            .tls_config(self.tls.clone().domain_name(peer_name(peer)))?
            .connect_timeout(CONNECT_LIMIT);
        Ok(endpoint.connect_with_connector_lazy(tower::service_fn(move |_| {
            let (pods, pod) = (pods.clone(), pod.clone());
            async move {
                let mut forwarder =
                    pods.portforward(&pod, &[port]).await.map_err(|error| io::Error::other(KubeError::from(error)))?;
                let stream = forwarder.take_stream(port).ok_or(io::ErrorKind::NotConnected)?;
                Ok::<_, io::Error>(TokioIo::new(stream))
            }
        })))
    }
}
