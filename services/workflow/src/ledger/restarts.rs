use deis_api::AppName;

use super::Answer;

/// Pods that are to be replaced in place.
pub trait Restarts: Send + Sync + 'static {
    /// Asks for pods to be replaced, by their uids.
    fn restart<'a>(&'a self, app: &'a AppName, pod_uids: &'a [String]) -> Answer<'a, ()>;
}
