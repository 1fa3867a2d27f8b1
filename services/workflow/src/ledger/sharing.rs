use deis_api::{AppName, Username};

use super::Answer;

/// Who may use an app beside its owner, and whose it is.
pub trait Sharing: Send + Sync + 'static {
    /// Lets a user use an app. Refuses a user who is not there; the owner and those who may already are fine.
    fn share<'a>(&'a self, app: &'a AppName, username: &'a Username) -> Answer<'a, ()>;
    /// Takes that back; answers whether the user had it.
    fn unshare<'a>(&'a self, app: &'a AppName, username: &'a Username) -> Answer<'a, bool>;
    /// Gives an app to another user, with all that belonged to the owner before. Refuses a user who is not there.
    fn transfer<'a>(&'a self, app: &'a AppName, to: &'a Username) -> Answer<'a, ()>;
}
