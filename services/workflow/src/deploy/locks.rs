use deis_api::AppName;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::effects::EffectError;

/// The deploy locks: who may try. They make two processes take turns; that a process which has lost its lock does no harm is the
/// matter of fences.
pub trait Locks: Send + Sync + 'static {
    /// Takes the deploy lock of an app, waiting for whoever has it.
    fn acquire<'a>(&'a self, app: &'a AppName) -> BoxFuture<'a, Result<Held, EffectError>>;
}

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub struct Held {
    /// Cancelled when the lock is lost before it was given back.
    pub lost: CancellationToken,
    /// Dropping it gives the lock back.
    pub guard: Box<dyn Guard>,
}

/// Gives a lock back when it is dropped.
pub trait Guard: Send + std::fmt::Debug {}
