use deis_api::AppName;

use super::cluster::Done;

/// Another service that keeps things of apps: repositories, images, log lines.
pub trait Holder: Send + Sync + 'static {
    /// Lets go of everything of an app that is destroyed. Fine when nothing is there.
    fn let_go<'a>(&'a self, app: &'a AppName) -> Done<'a>;
}
