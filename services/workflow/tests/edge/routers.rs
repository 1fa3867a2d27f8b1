use std::collections::BTreeSet;

use deis_api::AppName;
use deis_workflow::deploy::Routers;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

/// No router is alive.
pub(crate) struct NoRouters;

impl Routers for NoRouters {
    fn reachable<'a>(&'a self, _app: &'a AppName, uids: &'a BTreeSet<String>) -> BoxFuture<'a, BTreeSet<String>> {
        Box::pin(async move { uids.clone() })
    }

    fn drained<'a>(&'a self, _app: &'a AppName, _epoch: i64) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

/// One router, whose table the test empties.
#[derive(Default)]
pub(crate) struct TestRouter {
    has_lost_all: Mutex<bool>,
}

impl TestRouter {
    pub(crate) fn lose_all(&self) {
        *self.has_lost_all.lock() = true;
    }
}

impl Routers for TestRouter {
    fn reachable<'a>(&'a self, _app: &'a AppName, uids: &'a BTreeSet<String>) -> BoxFuture<'a, BTreeSet<String>> {
        let reachable = if *self.has_lost_all.lock() { BTreeSet::new() } else { uids.clone() };
        Box::pin(async move { reachable })
    }

    fn drained<'a>(&'a self, _app: &'a AppName, _epoch: i64) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}
