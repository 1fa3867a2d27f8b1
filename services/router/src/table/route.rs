use std::sync::Arc;

use super::{ServiceKey, Settings};
use crate::backend::Backend;

/// How one Service is served.
#[derive(Clone, Debug)]
pub struct Route {
    /// Which Service.
    pub key: ServiceKey,
    /// When it was made, in seconds since 1970.
    pub(super) created: i64,
    /// The app's name in logs: its own, with the namespace before it where that differs.
    pub app: Arc<str>,
    /// What its annotations ask for.
    pub settings: Arc<Settings>,
    /// The addresses of its ready pods, in order.
    pub backends: Vec<Arc<Backend>>,
    /// Its own address, for times when pod addresses cannot be trusted.
    pub service: Option<Arc<Backend>>,
    /// The rules under which the table may hold it.
    pub(super) rules: Vec<Arc<str>>,
}

impl Route {
    /// Whether serving by one or the other makes no difference.
    pub(super) fn serves_as(&self, other: &Self) -> bool {
        let same = |a: &Arc<Backend>, b: &Arc<Backend>| Arc::ptr_eq(a, b);
        let same_service = match (&self.service, &other.service) {
            (Some(a), Some(b)) => same(a, b),
            (None, None) => true,
            _ => false,
        };
        self.settings == other.settings
            && self.created == other.created
            && self.app == other.app
            && self.rules == other.rules
            && same_service
            && self.backends.len() == other.backends.len()
            && self.backends.iter().zip(&other.backends).all(|(a, b)| same(a, b))
    }
}
