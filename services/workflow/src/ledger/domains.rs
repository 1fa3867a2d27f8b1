use std::collections::BTreeSet;

use deis_api::{AppName, Hostname, Username};
use jiff::Timestamp;

use super::{Answer, Listed, Window};

/// A name that an app is served under; no two apps have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// The name; without a dot it is completed with the platform's domain.
    pub domain: Hostname,
    /// Who added it.
    pub owner: Username,
    /// When it was added.
    pub created: Timestamp,
}

/// The names that apps are served under.
pub trait Domains: Send + Sync + 'static {
    /// An app's domains, by name.
    fn domains<'a>(&'a self, app: &'a AppName, window: Window) -> Answer<'a, Listed<Domain>>;
    /// All of an app's domains.
    fn all_domains<'a>(&'a self, app: &'a AppName) -> Answer<'a, BTreeSet<Hostname>>;
    /// Adds a domain. Refuses one that an app has already.
    fn add_domain<'a>(&'a self, app: &'a AppName, owner: &'a Username, domain: &'a Hostname) -> Answer<'a, Domain>;
    /// Takes a domain from an app; answers whether the app had it.
    fn remove_domain<'a>(&'a self, app: &'a AppName, domain: &'a Hostname) -> Answer<'a, bool>;
}
