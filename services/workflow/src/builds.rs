//! What the builder does for an app now, and what it keeps to build faster.

use deis_api::{AppName, GitSha, Username};

use crate::ledger::Answer;

/// The builder, as far as builds go.
pub trait Builder: Send + Sync + 'static {
    /// Ends the build that runs, in a user's name; answers the commit that was being built.
    ///
    /// Refuses with [`deis_api::Code::NotFound`] when none runs.
    fn cancel<'a>(&'a self, app: &'a AppName, user: &'a Username) -> Answer<'a, GitSha>;
    /// Empties the build cache; answers how many bytes were freed.
    fn clear_cache<'a>(&'a self, app: &'a AppName) -> Answer<'a, u64>;
}
