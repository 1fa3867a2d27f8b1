use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use futures_util::{StreamExt as _, pin_mut};
use kube::api::Api;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

/// How long anything may take that the node does in seconds when nothing else runs.
const LIMIT: Duration = Duration::from_secs(120);

/// Watches objects until they are as they should be, and returns them, ordered by name. Asks again at every change and at no other
/// time; fails with what was seen last.
pub(crate) async fn eventually<K>(
    what: &str,
    api: &Api<K>,
    selector: &str,
    mut is_so: impl FnMut(&[K]) -> bool,
) -> Vec<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut objects = BTreeMap::new();
    let mut complete = false;
    let events = watcher(api.clone(), watcher::Config::default().labels(selector));
    pin_mut!(events);
    let wait = async {
        while let Some(event) = events.next().await {
            match event.unwrap() {
                Event::Init => objects.clear(),
                Event::InitDone => complete = true,
                Event::Apply(object) | Event::InitApply(object) => {
                    objects.insert(object.name_any(), object);
                }
                Event::Delete(object) => {
                    objects.remove(&object.name_any());
                }
            }
            let now = objects.values().cloned().collect::<Vec<_>>();
            if complete && is_so(&now) {
                return now;
            }
        }
        panic!("the watch ended while waiting until {what}")
    };
    let waited = deis_bootstrap::deadline(LIMIT, wait).await;
    waited.unwrap_or_else(|_late| panic!("waited {LIMIT:?} until {what}; last seen: {objects:#?}"))
}
