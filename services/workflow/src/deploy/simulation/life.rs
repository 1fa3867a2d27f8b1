use std::task::Poll;

use futures_util::future::BoxFuture;
use futures_util::task::noop_waker;

use crate::deploy::effects::{EffectError, Grant};
use crate::deploy::reconciler::{Ending, Footprint, Narrator, reconcile};

use super::process::Process;
use super::universe::{Universe, app};

/// One run of the reconciler in a process.
pub(super) struct Life {
    pub(super) id: usize,
    future: BoxFuture<'static, Result<Ending, EffectError>>,
}

struct Silence;

impl Narrator for Silence {
    fn step(&self, _grant: &Grant, _text: String) {}
}

impl Life {
    /// A run in a process that has just started.
    pub(super) fn begin(universe: &Universe, id: usize) -> Self {
        universe.state().enter(id);
        Self::again(universe, id)
    }

    /// Another run in a process that is there.
    pub(super) fn again(universe: &Universe, id: usize) -> Self {
        let process = Process { universe: universe.clone(), id };
        let future = Box::pin(async move {
            // The deployer begins anew with what it has when it was overtaken.
            let mut footprint = process.footprint(Footprint::default());
            let end = reconcile(&process, &app(), &Silence, &mut footprint).await;
            if matches!(end, Err(EffectError::Fenced(_))) {
                process.footprint(footprint);
            }
            end
        });
        Self { id, future }
    }

    /// Goes on to where it stands still next; the end, if it is there.
    pub(super) fn step(&mut self) -> Option<Result<Ending, EffectError>> {
        let waker = noop_waker();
        match self.future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            Poll::Ready(end) => Some(end),
            Poll::Pending => None,
        }
    }
}
