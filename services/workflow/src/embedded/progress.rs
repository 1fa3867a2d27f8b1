use std::collections::HashMap;

use deis_api::AppName;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

use crate::deploy::Progress;

/// The newest step of each app's run, while there is one.
#[derive(Debug, Default)]
pub struct OwnProgress(Mutex<HashMap<AppName, Newest>>);

#[derive(Debug)]
struct Newest {
    fence: i64,
    /// `None` when the run has ended.
    step: watch::Sender<Option<String>>,
}

impl OwnProgress {
    /// The run with this fence; none when there is a newer one, whose followers alone are told something.
    fn run<T>(&self, app: &AppName, fence: i64, then: impl FnOnce(&watch::Sender<Option<String>>) -> T) -> Option<T> {
        let mut newest = self.0.lock();
        let fresh = || Newest { fence, step: watch::Sender::new(Some(String::new())) };
        let run = newest.entry(app.clone()).or_insert_with(fresh);
        if run.fence < fence {
            *run = fresh();
        }
        (run.fence == fence).then(|| then(&run.step))
    }
}

impl Progress for OwnProgress {
    fn publish<'a>(&'a self, app: &'a AppName, fence: i64, text: String, last: bool) -> BoxFuture<'a, ()> {
        self.run(app, fence, |step| step.send_replace((!last).then_some(text)));
        if last {
            self.0.lock().remove(app);
        }
        Box::pin(async {})
    }

    fn follow<'a>(&'a self, app: &'a AppName, fence: i64) -> BoxStream<'a, String> {
        let Some(steps) = self.run(app, fence, watch::Sender::subscribe) else { return stream::empty().boxed() };
        let texts = WatchStream::new(steps).take_while(|text| std::future::ready(text.is_some()));
        texts.filter_map(|text| std::future::ready(text.filter(|text| !text.is_empty()))).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_run_is_followed_to_its_end_and_a_newer_one_takes_its_place() {
        let (progress, app) = (OwnProgress::default(), "shop".parse().unwrap());
        let mut first = progress.follow(&app, 1);
        progress.publish(&app, 1, "waiting for 1 pod".to_owned(), false).await;
        assert_eq!(first.next().await.unwrap(), "waiting for 1 pod");

        let mut second = progress.follow(&app, 2);
        assert_eq!(first.next().await, None, "the older run is over");
        assert_eq!(progress.follow(&app, 1).next().await, None);
        progress.publish(&app, 2, String::new(), true).await;
        assert_eq!(second.next().await, None);

        // An app of that name that is made anew begins to count anew.
        let mut anew = progress.follow(&app, 1);
        progress.publish(&app, 1, "waiting for 2 pods".to_owned(), false).await;
        assert_eq!(anew.next().await.unwrap(), "waiting for 2 pods");
    }
}
