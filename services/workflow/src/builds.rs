//! What the builder does for an app now, and what it keeps to build faster.

use deis_api::{AppName, GitSha, Username};

use crate::images::{Copied, Order};
use crate::ledger::Answer;

/// The builder, as far as builds go.
pub trait Builder: Send + Sync + 'static {
    /// Ends the build that runs, in a user's name; answers the commit that was being built.
    ///
    /// Refuses with [`deis_api::Code::NotFound`] when none runs.
    fn cancel<'a>(&'a self, app: &'a AppName, user: &'a Username) -> Answer<'a, GitSha>;
    /// Empties the build cache; answers how many bytes were freed.
    fn clear_cache<'a>(&'a self, app: &'a AppName) -> Answer<'a, u64>;
    /// Copies an image to the platform's registry; `step` hears what is being waited for.
    ///
    /// Refuses in the builder's words what cannot run here: then nothing was copied.
    fn pull<'a>(&'a self, order: Order<'a>, step: &'a (dyn Fn(String) + Send + Sync)) -> Answer<'a, Copied>;
}
