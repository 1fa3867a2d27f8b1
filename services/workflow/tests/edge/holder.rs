use deis_api::AppName;
use deis_workflow::deploy::{EffectError, Holder};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

/// Another service that keeps things of apps.
#[derive(Default)]
pub(crate) struct TestHolder {
    released: Mutex<Vec<String>>,
    refusals: Mutex<u32>,
}

impl TestHolder {
    /// The apps that it has let go of.
    pub(crate) fn released(&self) -> Vec<String> {
        self.released.lock().clone()
    }

    /// The next calls find it out of reach.
    pub(crate) fn refuse(&self, times: u32) {
        *self.refusals.lock() = times;
    }
}

impl Holder for TestHolder {
    fn let_go<'a>(&'a self, app: &'a AppName) -> BoxFuture<'a, Result<(), EffectError>> {
        let mut refusals = self.refusals.lock();
        let done = if *refusals > 0 {
            *refusals -= 1;
            Err(EffectError::Unavailable("The builder cannot be reached, trying again.".to_owned()))
        } else {
            self.released.lock().push(app.to_string());
            Ok(())
        };
        Box::pin(async move { done })
    }
}
