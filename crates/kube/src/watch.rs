//! The one way to watch Kubernetes: list, then follow, for ever.
//!
//! A broken watch starts over with a list, after a back-off with jitter: relisting is what heals a `410 Gone`, a missed event and
//! an API server restored from a backup alike, and it is the only proof that the API server is heard again. What vanished
//! meanwhile is reported as deleted, so that consumers see changes only and never compare lists themselves.

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use backon::ExponentialBuilder;
use deis_api::causes;
use futures_util::future::ready;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use kube::runtime::utils::{ResetTimerBackoff, StreamBackoff};
use kube::runtime::watcher::{self, Event, ExponentialBackoff};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

/// The API server ends each watch after this long and the next one takes over where it ended: a silent connection is a dead one.
const WATCH_SECONDS: u32 = 20;
/// How long the API server may be silent; a little more than a watch lasts.
const SILENCE: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

const FIRST_DELAY: Duration = Duration::from_millis(200);
/// Jitter may double it.
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// Errors further apart than this have nothing to do with each other.
const CALM: Duration = Duration::from_secs(60);

/// Which object; `uid` tells it from another one that had its name before.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Empty for objects without one.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The object's uid.
    pub uid: String,
}

impl ObjectKey {
    fn of<K: Resource>(object: &K) -> Self {
        let meta = object.meta();
        Self {
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
        }
    }
}

/// What a watch reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<K> {
    /// The object is there, new or changed; after a relist perhaps unchanged.
    Applied(K),
    /// The object is gone, or no longer selected.
    Deleted(ObjectKey),
    /// A list has been reported completely: what has not been applied by now is not there.
    Complete,
}

/// Whether a watch is alive, for those who must know how old their picture may be.
#[derive(Clone, Debug)]
pub struct Health {
    start: Instant,
    /// Milliseconds after `start`, plus one, at which the watch broke; 0 while it lives.
    broken: Arc<AtomicU64>,
}

impl Default for Health {
    fn default() -> Self {
        Self { start: Instant::now(), broken: Arc::new(AtomicU64::new(1)) }
    }
}

impl Health {
    /// How long the watch has been broken, counted from the start before its first list; `None` while it is alive.
    #[must_use]
    pub fn stale_for(&self) -> Option<Duration> {
        let broken = Duration::from_millis(self.broken.load(Ordering::Relaxed).checked_sub(1)?);
        Some(self.start.elapsed().saturating_sub(broken))
    }

    /// The watch is alive. Called by the watch; public for tests that make events of their own.
    pub fn heal(&self) {
        self.broken.store(0, Ordering::Relaxed);
    }

    /// The watch is broken, from now on unless it was already.
    pub fn fail(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        // Only the first failure counts: an error here means that it is broken already.
        let _ = self.broken.compare_exchange(0, now + 1, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// A client for watches: it notices an API server that is silent. Not for streams that may be silent (logs, exec).
///
/// # Errors
/// There is neither a service account nor a kubeconfig, or its certificates cannot be used. The API server is not asked.
pub async fn client() -> Result<Client, ClientError> {
    let mut config = kube::Config::infer().await?;
    config.connect_timeout = Some(CONNECT_LIMIT);
    config.read_timeout = Some(SILENCE);
    config.reset_reader_on_write = true;
    // It would ask again by itself, up to fifteen times and for minutes, and whoever waits would not know for what.
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

/// No client can be made from what the environment offers.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Neither a service account nor a kubeconfig.
    #[error("no way to the Kubernetes API is configured")]
    Config(#[from] kube::config::InferConfigError),
    /// The configuration cannot be used.
    #[error("the Kubernetes client cannot be made")]
    Client(#[from] kube::Error),
}

/// A watch of the objects that `selection` names (its time-outs are set here). With `Api<PartialObjectMeta<K>>` only metadata
/// comes: for large objects of which little is needed.
pub fn objects<K>(api: Api<K>, selection: watcher::Config) -> (BoxStream<'static, Change<K>>, Health)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let selection = selection.timeout(WATCH_SECONDS);
    follow(&K::plural(&()), move || watcher::watcher(api.clone(), selection.clone()).boxed())
}

type Events<K> = BoxStream<'static, watcher::Result<Event<K>>>;

fn follow<K, S>(what: &str, start: S) -> (BoxStream<'static, Change<K>>, Health)
where
    K: Resource + Send + 'static,
    S: FnMut() -> Events<K> + Send + 'static,
{
    let watch = Watch::new(what.to_owned(), start);
    let health = watch.health.clone();
    let changes = stream::unfold(watch, |mut watch| async move { Some((watch.next().await?, watch)) });
    let delays = ExponentialBuilder::new()
        .with_min_delay(FIRST_DELAY)
        .with_max_delay(LONGEST_DELAY)
        .with_jitter()
        .without_max_times();
    let backoff = ResetTimerBackoff::new(ExponentialBackoff::from(delays), CALM);
    // Errors are logged where they happen; what is left of them here is the delay.
    let changes = StreamBackoff::new(changes.boxed(), backoff).filter_map(|item| ready(item.ok()));
    (changes.boxed(), health)
}

struct Watch<K, S> {
    what: String,
    start: S,
    events: Option<Events<K>>,
    known: Known,
    queue: VecDeque<Change<K>>,
    health: Health,
}

impl<K: Resource, S: FnMut() -> Events<K>> Watch<K, S> {
    fn new(what: String, start: S) -> Self {
        Self { what, start, events: None, known: Known::default(), queue: VecDeque::new(), health: Health::default() }
    }

    async fn next(&mut self) -> Option<watcher::Result<Change<K>>> {
        loop {
            if let Some(change) = self.queue.pop_front() {
                if matches!(change, Change::Complete) {
                    self.health.heal();
                }
                return Some(Ok(change));
            }
            match self.events.get_or_insert_with(&mut self.start).next().await? {
                Ok(event) => self.known.translate(event, &mut self.queue),
                Err(error) => {
                    tracing::warn!(watch = self.what, error = causes(&error), "a watch is broken, it starts over");
                    self.events = None;
                    self.health.fail();
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Namespace and name.
type Place = (String, String);

/// Which objects have been reported and not been taken back: namespace and name, with the uid.
#[derive(Debug, Default)]
struct Known {
    uids: HashMap<Place, String>,
    /// While a list is under way: what it has not named yet.
    unconfirmed: HashMap<Place, String>,
}

impl Known {
    fn translate<K: Resource>(&mut self, event: Event<K>, queue: &mut VecDeque<Change<K>>) {
        match event {
            Event::Init => self.unconfirmed = self.uids.clone(),
            Event::InitApply(object) | Event::Apply(object) => {
                let ObjectKey { namespace, name, uid } = ObjectKey::of(&object);
                let place = (namespace, name);
                self.unconfirmed.remove(&place);
                // The name may have passed to another object while nobody watched.
                if let Some(before) = self.uids.insert(place.clone(), uid.clone()).filter(|before| *before != uid) {
                    queue.push_back(deleted(place, before));
                }
                queue.push_back(Change::Applied(object));
            }
            Event::InitDone => {
                for (place, uid) in self.unconfirmed.drain() {
                    self.uids.remove(&place);
                    queue.push_back(deleted(place, uid));
                }
                queue.push_back(Change::Complete);
            }
            Event::Delete(object) => {
                let key = ObjectKey::of(&object);
                self.uids.remove(&(key.namespace.clone(), key.name.clone()));
                queue.push_back(Change::Deleted(key));
            }
        }
    }
}

fn deleted<K>((namespace, name): Place, uid: String) -> Change<K> {
    Change::Deleted(ObjectKey { namespace, name, uid })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;

    fn object(name: &str, uid: &str) -> ConfigMap {
        let text = |text: &str| Some(text.to_owned());
        let metadata = ObjectMeta { name: text(name), namespace: text("ns"), uid: text(uid), ..ObjectMeta::default() };
        ConfigMap { metadata, ..ConfigMap::default() }
    }

    fn gone(name: &str, uid: &str) -> Change<ConfigMap> {
        deleted(("ns".to_owned(), name.to_owned()), uid.to_owned())
    }

    /// A watch whose n-th start yields the n-th script, then ends.
    fn scripted(
        scripts: Vec<Vec<watcher::Result<Event<ConfigMap>>>>,
    ) -> Watch<ConfigMap, impl FnMut() -> Events<ConfigMap>> {
        let mut scripts = scripts.into_iter();
        Watch::new("configmaps".to_owned(), move || stream::iter(scripts.next().unwrap_or_default()).boxed())
    }

    #[tokio::test]
    async fn a_relist_reports_what_vanished_and_what_was_replaced() {
        let mut watch = scripted(vec![
            vec![
                Ok(Event::Init),
                Ok(Event::InitApply(object("kept", "1"))),
                Ok(Event::InitApply(object("lost", "2"))),
                Ok(Event::InitApply(object("replaced", "3"))),
                Ok(Event::InitDone),
                Err(watcher::Error::NoResourceVersion),
            ],
            vec![
                Ok(Event::Init),
                Ok(Event::InitApply(object("kept", "1"))),
                Ok(Event::InitApply(object("replaced", "4"))),
                Ok(Event::InitDone),
                Ok(Event::Delete(object("kept", "1"))),
            ],
        ]);
        let health = watch.health.clone();
        assert!(health.stale_for().is_some(), "not alive before the first list");

        let mut seen = Vec::new();
        while let Some(item) = watch.next().await {
            match item {
                Ok(change) => {
                    assert_eq!(
                        health.stale_for().is_none(),
                        seen.contains(&Change::Complete) || change == Change::Complete
                    );
                    seen.push(change);
                }
                Err(_) => {
                    assert!(health.stale_for().is_some());
                    assert_eq!(seen.last(), Some(&Change::Complete));
                    seen.clear();
                }
            }
        }
        assert_eq!(
            seen,
            [
                Change::Applied(object("kept", "1")),
                gone("replaced", "3"),
                Change::Applied(object("replaced", "4")),
                gone("lost", "2"),
                Change::Complete,
                gone("kept", "1"),
            ]
        );
        assert!(health.stale_for().is_none());
    }

    #[test]
    fn staleness_counts_from_the_first_failure() {
        let health = Health::default();
        health.heal();
        assert_eq!(health.stale_for(), None);
        health.fail();
        let first = health.broken.load(Ordering::Relaxed);
        health.fail();
        assert_eq!(health.broken.load(Ordering::Relaxed), first);
        assert!(health.stale_for().is_some());
    }
}
