use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{ServiceKey, Settings};
use crate::backend::Backend;

/// How one Service is served.
#[derive(Clone, Debug)]
pub struct Route {
    /// Which Service.
    pub key: ServiceKey,
    /// When it was made, in seconds since 1970.
    pub(super) created: i64,
    /// The app's name in logs and metrics: its own, with the namespace before it where that differs.
    pub app: Arc<str>,
    /// What its annotations ask for.
    pub settings: Arc<Settings>,
    /// The addresses of its ready pods, in order.
    pub backends: Vec<Arc<Backend>>,
    /// Its own address, for times when pod addresses cannot be trusted.
    pub service: Option<Arc<Backend>>,
    /// The rules under which the table may hold it.
    pub(super) rules: Vec<Arc<str>>,
    /// What it has answered.
    pub traffic: Arc<Traffic>,
}

impl Route {
    /// Whether serving by one or the other makes no difference. Traffic is shared by all versions of a route.
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

/// Answers by the class of their status. It lives as long as the route does, through all its changes.
#[derive(Debug, Default)]
pub struct Traffic {
    classes: [AtomicU64; 5],
}

impl Traffic {
    /// The names of the classes, as labels of metrics.
    pub const CLASSES: [&'static str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

    /// Counts one answer.
    pub fn count(&self, status: http::StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.classes.get(class) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The classes with their counts.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Self::CLASSES.into_iter().zip(self.classes.iter().map(|counter| counter.load(Ordering::Relaxed)))
    }
}
