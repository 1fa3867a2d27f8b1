//! Who answers for which host: an immutable value, swapped as a whole.
//!
//! [`Index`] turns what the watches report into the next [`Table`] at a cost that depends on the changed app alone; [`Live`]
//! holds the current one for everybody who serves; [`disk`] keeps the last good one for a start without Kubernetes.

mod certificates;
mod defaults;
pub mod disk;
pub mod facts;
mod hosts;
mod index;
mod live;
mod map;
mod route;
mod settings;
mod snapshot;

use std::borrow::Cow;
use std::sync::Arc;

pub use defaults::Defaults;
pub use facts::ServiceKey;
pub use hosts::Host;
pub use index::Index;
use ipnet::IpNet;
pub use live::Live;
use map::Map;
pub use route::Route;
use rustls::sign::CertifiedKey;
pub(crate) use settings::PREFIX as ANNOTATIONS;
pub use settings::Settings;
pub use snapshot::Snapshot;

/// Where a table came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Source {
    /// Nothing is known yet.
    #[default]
    Nothing,
    /// The file that an earlier process left: of unknown age.
    Disk,
    /// The watches.
    Watch,
}

impl Source {
    /// The name that `router.v1` and the logs use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Disk => "disk",
            Self::Watch => "watch",
        }
    }
}

/// All routes at one moment. Cloning it costs a few pointers, whatever its size.
#[derive(Clone, Debug, Default)]
pub struct Table {
    hosts: Map<Arc<str>, Arc<Route>>,
    services: Map<ServiceKey, Arc<Route>>,
    backends: usize,
    trusted: Arc<[IpNet]>,
    ignored_settings: usize,
    certificates: Map<Arc<str>, Arc<CertifiedKey>>,
    broken_certificates: usize,
    generation: u64,
    source: Source,
}

impl Table {
    /// The route of a host: its exact name before a wildcard, a wildcard before an app's bare name.
    #[must_use]
    pub fn route(&self, host: &Host<'_>) -> Option<&Arc<Route>> {
        Some(self.find(host)?.1)
    }

    /// The same, with the rule under which it is there.
    pub(crate) fn find<'a>(&self, host: &'a Host<'_>) -> Option<(Cow<'a, str>, &Arc<Route>)> {
        host.rules().find_map(|rule| Some((rule.clone(), self.hosts.get(rule.as_ref())?)))
    }

    /// The route of a path: that of the Service that has it, or the host's own.
    #[must_use]
    pub(crate) fn below<'a>(&'a self, route: &'a Arc<Route>, path: &str) -> &'a Arc<Route> {
        route.branch(path).and_then(|key| self.services.get(key)).unwrap_or(route)
    }

    /// The certificate that a host is served with: its domain's, or that of a wildcard that is its app's too. `None` for the platform's.
    #[must_use]
    pub fn certificate(&self, host: &Host<'_>) -> Option<&Arc<CertifiedKey>> {
        let route = self.route(host)?;
        if route.certificates.is_empty() {
            return None;
        }
        host.rules().find_map(|rule| self.certificates.get(route.certificate(&rule)?))
    }

    /// How many certificates there are beside the platform's.
    #[must_use]
    pub fn certificates(&self) -> usize {
        self.certificates.len()
    }

    /// How many Secrets cannot be served as they are.
    #[must_use]
    pub fn broken_certificates(&self) -> usize {
        self.broken_certificates
    }

    /// The route of a Service.
    #[must_use]
    pub fn service(&self, key: &ServiceKey) -> Option<&Arc<Route>> {
        self.services.get(key)
    }

    /// All routes, in no order.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.services.values()
    }

    /// How many hosts are served, a wildcard counting as one.
    #[must_use]
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// How many Services are served.
    #[must_use]
    pub fn services(&self) -> usize {
        self.services.len()
    }

    /// How many pod addresses there are, over all routes.
    #[must_use]
    pub fn backends(&self) -> usize {
        self.backends
    }

    /// Load balancers before the router: what they say about the client is believed.
    #[must_use]
    pub fn trusted(&self) -> &[IpNet] {
        &self.trusted
    }

    /// How many of the operator's settings cannot be obeyed.
    #[must_use]
    pub fn ignored_settings(&self) -> usize {
        self.ignored_settings
    }

    /// Grows with every published change.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Where it came from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }
}
