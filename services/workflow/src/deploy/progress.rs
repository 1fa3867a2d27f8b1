use deis_api::AppName;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

/// What a run tells, for those who wait for it in other processes. Best effort: a deploy never depends on it.
pub trait Progress: Send + Sync + 'static {
    /// Tells a step of the run with this fence; `last` when nothing comes after it.
    fn publish<'a>(&'a self, app: &'a AppName, fence: i64, text: String, last: bool) -> BoxFuture<'a, ()>;
    /// The steps of the run with this fence, from its beginning to its end.
    fn follow<'a>(&'a self, app: &'a AppName, fence: i64) -> BoxStream<'a, String>;
}
