use std::collections::BTreeSet;

use deis_api::AppName;
use deis_workflow::deploy::Routers;
use futures_util::future::BoxFuture;

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
