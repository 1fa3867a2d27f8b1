use std::collections::HashMap;
use std::sync::Arc;

use deis_api::AppName;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use crate::deploy::{EffectError, Guard, Held, Locks};

/// Deploy locks in this process, which are never lost.
#[derive(Debug, Default)]
pub struct OwnLocks(Mutex<HashMap<AppName, Arc<tokio::sync::Mutex<()>>>>);

#[derive(Debug)]
struct OwnGuard {
    _guard: OwnedMutexGuard<()>,
}

impl Guard for OwnGuard {}

impl Locks for OwnLocks {
    fn acquire<'a>(&'a self, app: &'a AppName) -> BoxFuture<'a, Result<Held, EffectError>> {
        let mut locks = self.0.lock();
        // Those that somebody holds or waits for.
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        let lock = Arc::clone(locks.entry(app.clone()).or_default());
        drop(locks);
        Box::pin(async move {
            let guard = Box::new(OwnGuard { _guard: lock.lock_owned().await });
            Ok(Held { lost: CancellationToken::new(), guard })
        })
    }
}
