//! What the watches report, as plain values: the whole input of a table.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

/// Which Service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServiceKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A Service that is to be served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Which one.
    pub key: ServiceKey,
    /// When it was made, in seconds since 1970: of two Services that name the same host the older one has it.
    pub created: i64,
    /// Its label `app`.
    pub app: Option<String>,
    /// Its annotations `router.deis.io/*`, without that prefix.
    pub annotations: BTreeMap<String, String>,
    /// The name of the port that is served; empty when it has none.
    pub port: String,
    /// The Service's own address; headless ones have none.
    pub address: Option<SocketAddr>,
}

/// An EndpointSlice of such a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// The slice's own name.
    pub name: String,
    /// Whose slice it is.
    pub service: ServiceKey,
    /// Port numbers by the Service's names for them.
    pub ports: BTreeMap<String, u16>,
    /// The endpoints that are ready and not about to end.
    pub endpoints: Vec<Endpoint>,
}

/// An address that answers for a Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its address.
    pub ip: IpAddr,
    /// The pod behind it, when it is one.
    pub pod_uid: Option<String>,
}

/// A certificate with its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The name of the Secret that it is in.
    pub secret: String,
    /// PEM, leaf first.
    pub chain: String,
    /// PEM.
    pub key: SecretString,
}

impl Certificate {
    /// What a Secret of this name holds.
    #[must_use]
    pub fn new(secret: String, chain: String, key: SecretString) -> Self {
        Self { secret, chain, key }
    }

    /// The key's text, for whoever reads keys.
    pub(crate) fn key(&self) -> &[u8] {
        self.key.expose_secret().as_bytes()
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        (&self.secret, &self.chain, self.key()) == (&other.secret, &other.chain, other.key())
    }
}

impl Eq for Certificate {}

/// The watches that a table is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Watch {
    /// Routable Services.
    Services,
    /// The builder's Service, for TCP 2222.
    Builder,
    /// EndpointSlices of routable Services.
    Slices,
    /// Pods with label `router.deis.io/backend`.
    Pods,
    /// The operator's settings. A table is not complete without them: an app that they close must not be open for a moment.
    Settings,
    /// The certificates. A table is not complete without them: clients that got the platform's in their stead would turn away.
    Certificates,
}

impl Watch {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Services, Self::Builder, Self::Slices, Self::Pods, Self::Settings, Self::Certificates];
}

/// One report of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A Service is there, new or changed.
    Service(Service),
    /// A Service is gone, or not routable any more.
    ServiceGone(ServiceKey),
    /// A slice is there, new or changed.
    Slice(Slice),
    /// The slice of this namespace and name is gone.
    SliceGone(String, String),
    /// The pod with this uid is there; whether it is about to end.
    Pod(String, bool),
    /// The pod with this uid is gone, or no backend any more.
    PodGone(String),
    /// The operator's settings, all of them.
    Settings(BTreeMap<String, String>),
    /// A certificate is there, new or changed.
    Certificate(Certificate),
    /// The Secret of this name is gone.
    CertificateGone(String),
    /// Everything that this watch's list holds has been reported.
    Complete(Watch),
}
