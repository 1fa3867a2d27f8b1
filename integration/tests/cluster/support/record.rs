use std::collections::BTreeMap;
use std::fmt::Debug;

use futures_util::{StreamExt as _, pin_mut};
use kube::api::Api;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Follows objects in the background and notes what a view of them shows, whenever it shows something else.
pub(crate) struct Recording<T> {
    stop: oneshot::Sender<()>,
    notes: JoinHandle<Vec<T>>,
}

impl<T> Recording<T> {
    /// Ends the recording. What has happened before this call has been seen: the watch is closed only when it is quiet.
    pub(crate) async fn stop(self) -> Vec<T> {
        drop(self.stop);
        self.notes.await.unwrap()
    }
}

pub(crate) fn record<K, T>(api: Api<K>, view: impl Fn(&[K]) -> Option<T> + Send + 'static) -> Recording<T>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
    T: PartialEq + Send + 'static,
{
    let (stop, mut stopped) = oneshot::channel();
    #[expect(clippy::disallowed_methods, reason = "a test has no process around it")]
    let notes = tokio::spawn(async move {
        let mut objects = BTreeMap::new();
        let mut notes = Vec::new();
        let events = watcher(api, watcher::Config::default());
        pin_mut!(events);
        loop {
            // Events first: those that are there already when the recording is stopped still count.
            let event = tokio::select! {
                biased;
                event = events.next() => event.unwrap().unwrap(),
                _ = &mut stopped => return notes,
            };
            match event {
                Event::Init | Event::InitDone => {}
                Event::Apply(object) | Event::InitApply(object) => {
                    objects.insert(object.name_any(), object);
                }
                Event::Delete(object) => {
                    objects.remove(&object.name_any());
                }
            }
            let now = view(&objects.values().cloned().collect::<Vec<_>>());
            if let Some(now) = now
                && notes.last() != Some(&now)
            {
                notes.push(now);
            }
        }
    });
    Recording { stop, notes }
}
