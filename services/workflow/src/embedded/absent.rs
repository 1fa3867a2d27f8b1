use std::collections::BTreeSet;

use deis_api::{AppName, Code, GitSha, Username};
use futures_util::future::{BoxFuture, ready};

use crate::builds::Builder;
use crate::deploy::Routers;
use crate::error::Error;
use crate::images::{Copied, Order};
use crate::ledger::Answer;
use crate::logs::{Away, Entries, Event, LogStore, Query};

/// The builder, the logger and the routers where there are none.
#[derive(Clone, Copy, Debug)]
pub struct Absent;

impl Builder for Absent {
    fn cancel<'a>(&'a self, app: &'a AppName, _user: &'a Username) -> Answer<'a, GitSha> {
        let refused = Error::refused(Code::NotFound, format!("No build of {app} is running."));
        Box::pin(ready(Err(refused)))
    }

    fn clear_cache<'a>(&'a self, _app: &'a AppName) -> Answer<'a, u64> {
        Box::pin(ready(Ok(0)))
    }

    fn pull<'a>(&'a self, _order: Order<'a>, _step: &'a (dyn Fn(String) + Send + Sync)) -> Answer<'a, Copied> {
        let message = "This controller runs by itself, without a builder and a registry; install the whole platform to run images.";
        Box::pin(ready(Err(Error::refused(Code::FailedPrecondition, message))))
    }
}

impl LogStore for Absent {
    fn read<'a>(&'a self, _app: &'a AppName, _query: &'a Query) -> BoxFuture<'a, Result<Entries, Away>> {
        Box::pin(ready(Err(Away("this controller runs by itself, without a logger".to_owned()))))
    }

    fn record<'a>(&'a self, _app: &'a AppName, _event: &'a Event) -> BoxFuture<'a, Result<(), Away>> {
        Box::pin(ready(Ok(())))
    }
}

impl Routers for Absent {
    fn reachable<'a>(&'a self, _app: &'a AppName, uids: &'a BTreeSet<String>) -> BoxFuture<'a, BTreeSet<String>> {
        Box::pin(ready(uids.clone()))
    }

    fn drained<'a>(&'a self, _app: &'a AppName, _epoch: i64) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }
}
