use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use deis_api::AppName;
use deis_bootstrap::{Context, Latch};
use deis_kube::labels;
use deis_kube::watch::{self, Change};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Event, Pod, ReplicationController, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use parking_lot::Mutex;
use tokio::sync::watch as signal;

use super::certificates::Copies;
use super::extras::Remembered;
use crate::deploy::probe::{Probe, Unhealthy};

/// The Events that tell what probes found. They say nothing else, and no label tells an app's: of all pods there are few.
const PROBED: &str = "involvedObject.kind=Pod,reason=Unhealthy";

/// The controllers, pods, Services, disruption budgets and autoscalers of all apps, kept up to date by watches.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    apps: Arc<Mutex<HashMap<AppName, Objects>>>,
    changed: Arc<signal::Sender<Changed>>,
    /// How many first lists have yet to come: what is not here by then may be there all the same.
    missing: Arc<signal::Sender<usize>>,
}

/// All apps that have changed since they were last taken.
type Changed = BTreeSet<AppName>;

/// Objects of one kind by their names. Boxed: a map has room for eleven values from its first one on, and they are large.
type Named<K> = BTreeMap<String, Box<K>>;

/// What exists of one app.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) controllers: Named<ReplicationController>,
    pub(super) pods: Named<Pod>,
    pub(super) services: Named<Service>,
    pub(super) budgets: Named<PodDisruptionBudget>,
    pub(super) autoscalers: Named<HorizontalPodAutoscaler>,
    /// Pod to what each probe found last, with the name of the Event that tells it.
    unhealthy: BTreeMap<String, BTreeMap<Probe, (String, Unhealthy)>>,
    pub(super) remembered: Remembered,
    pub(super) copies: Copies,
    generation: signal::Sender<u64>,
}

/// An object of which all is kept that anybody looks at.
trait Kept: Resource<DynamicType = ()> + PartialEq {
    /// Leaves away what nobody looks at: then a change of that alone is none.
    fn strip(&mut self) {}
}

impl Kept for ReplicationController {
    fn strip(&mut self) {
        self.metadata.managed_fields = None;
    }
}

impl Kept for Pod {
    fn strip(&mut self) {
        self.metadata.managed_fields = None;
    }
}

impl Kept for Service {
    fn strip(&mut self) {
        (self.status, self.metadata.managed_fields) = (None, None);
    }
}

impl Kept for PodDisruptionBudget {
    fn strip(&mut self) {
        (self.status, self.metadata.managed_fields) = (None, None);
    }
}

/// Its controller writes its status every 15 s.
impl Kept for HorizontalPodAutoscaler {
    fn strip(&mut self) {
        (self.status, self.metadata.managed_fields) = (None, None);
    }
}

impl Objects {
    pub(super) fn generation(&self) -> u64 {
        *self.generation.borrow()
    }

    /// What the probes of a pod found last.
    pub(super) fn found(&self, pod: &Pod) -> Vec<Unhealthy> {
        let found = pod.metadata.name.as_ref().and_then(|name| self.unhealthy.get(name));
        found.into_iter().flat_map(BTreeMap::values).map(|(_event, found)| found.clone()).collect()
    }
}

impl Cache {
    /// Follows Kubernetes until the process ends; the latches go when the first lists are complete.
    pub fn follow(&self, context: &Context, client: &Client) {
        let controllers = context.readiness.latch("the list of controllers");
        let pods = context.readiness.latch("the list of pods");
        let services = context.readiness.latch("the list of Services");
        let budgets = context.readiness.latch("the list of disruption budgets");
        let autoscalers = context.readiness.latch("the list of autoscalers");
        self.follow_one::<ReplicationController>(context, client, controllers, |objects| &mut objects.controllers);
        self.follow_one::<Pod>(context, client, pods, |objects| &mut objects.pods);
        self.follow_one::<Service>(context, client, services, |objects| &mut objects.services);
        self.follow_one::<PodDisruptionBudget>(context, client, budgets, |objects| &mut objects.budgets);
        self.follow_one::<HorizontalPodAutoscaler>(context, client, autoscalers, |objects| &mut objects.autoscalers);
        self.follow_probes(context, client);
    }

    /// Nobody waits for it: without it the same is told in fewer words.
    fn follow_probes(&self, context: &Context, client: &Client) {
        let selection = watcher::Config::default().fields(PROBED);
        let (mut changes, _health) = watch::objects(Api::<Event>::all(client.clone()), selection);
        let (cache, shutdown) = (self.clone(), context.shutdown.clone());
        drop(context.tasks.spawn("follow probes", async move {
            while let Some(Some(change)) = shutdown.run_until_cancelled(changes.next()).await {
                match change {
                    Change::Applied(event) => cache.probed(&event),
                    Change::Deleted(key) => cache.forget_event(&key.namespace, &key.name),
                    Change::Complete => {}
                }
            }
        }));
    }

    /// Keeps what a probe found, in place of what it found before. That is no change of the app.
    fn probed(&self, event: &Event) {
        let Some(app) = event.metadata.namespace.as_ref().and_then(|namespace| namespace.parse().ok()) else { return };
        let (Some(pod), Some(name)) = (&event.involved_object.name, &event.metadata.name) else { return };
        let seen = event.last_timestamp.as_ref().map(|time| time.0);
        let seen = seen.or_else(|| event.metadata.creation_timestamp.as_ref().map(|time| time.0));
        let seen = seen.unwrap_or_else(Timestamp::now);
        let Some(found) = Unhealthy::parse(event.message.as_deref().unwrap_or_default(), seen) else { return };
        let mut apps = self.apps.lock();
        let of_pod = apps.entry(app).or_default().unhealthy.entry(pod.clone()).or_default();
        if of_pod.get(&found.probe).is_none_or(|(_, before)| before.seen <= found.seen) {
            of_pod.insert(found.probe, (name.clone(), found));
        }
    }

    fn forget_event(&self, namespace: &str, event: &str) {
        let Ok(app) = namespace.parse::<AppName>() else { return };
        if let Some(objects) = self.apps.lock().get_mut(&app) {
            objects.unhealthy.values_mut().for_each(|of_pod| of_pod.retain(|_, (name, _)| name != event));
            objects.unhealthy.retain(|_, of_pod| !of_pod.is_empty());
        }
    }

    fn follow_one<K>(&self, context: &Context, client: &Client, latch: Latch, part: fn(&mut Objects) -> &mut Named<K>)
    where
        K: Kept + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
    {
        self.expect_list();
        let (mut changes, _health) =
            watch::objects(Api::<K>::all(client.clone()), watcher::Config::default().labels(labels::OURS));
        let (cache, shutdown) = (self.clone(), context.shutdown.clone());
        drop(context.tasks.spawn("follow Kubernetes", async move {
            let mut latch = Some(latch);
            while let Some(Some(change)) = shutdown.run_until_cancelled(changes.next()).await {
                match change {
                    Change::Applied(object) => cache.apply(object, part),
                    Change::Deleted(key) => cache.remove(&key.namespace, &key.name, part),
                    Change::Complete if latch.take().is_some() => cache.have_list(),
                    Change::Complete => {}
                }
            }
        }));
    }

    /// A first list has yet to come,
    pub(super) fn expect_list(&self) {
        self.missing.send_modify(|missing| *missing += 1);
    }

    /// and is there.
    pub(super) fn have_list(&self) {
        self.missing.send_modify(|missing| *missing -= 1);
    }

    fn apply<K: Kept>(&self, mut object: K, part: fn(&mut Objects) -> &mut Named<K>) {
        let Some(app) = labels::app(object.meta()) else { return };
        // Tenants cannot write objects; if one could, it would not speak for another app.
        if object.meta().namespace.as_deref() != Some(app.as_str()) {
            return;
        }
        let name = object.meta().name.clone().unwrap_or_default();
        object.strip();
        let (version, object) = (object.meta().resource_version.clone(), Box::new(object));
        self.change(&app, |objects| {
            let kept = part(objects);
            // Writes go on top of the newest version, also where nothing else is new.
            let has_moved = kept.get_mut(&name).is_some_and(|before| {
                let before = &mut before.meta_mut().resource_version;
                std::mem::replace(before, version.clone()) != version
            });
            let is_same = kept.get(&name) == Some(&object);
            kept.insert(name, object);
            !(has_moved && is_same)
        });
    }

    fn remove<K>(&self, namespace: &str, name: &str, part: fn(&mut Objects) -> &mut Named<K>) {
        if let Ok(app) = namespace.parse() {
            self.change(&app, |objects| {
                drop(part(objects).remove(name));
                // Of a pod, if it is one: its Events outlive it.
                objects.unhealthy.remove(name);
                true
            });
        }
    }

    /// Changes what is kept of one app, and tells of it if `change` answers that it is news.
    pub(super) fn change(&self, app: &AppName, change: impl FnOnce(&mut Objects) -> bool) {
        let mut apps = self.apps.lock();
        let objects = apps.entry(app.clone()).or_default();
        if !change(objects) {
            return;
        }
        objects.generation.send_modify(|generation| *generation += 1);
        drop(apps);
        self.changed.send_modify(|changed| {
            changed.insert(app.clone());
        });
    }

    /// So many first lists have yet to come.
    #[cfg(test)]
    pub(super) fn lacks(&self, lists: usize) {
        self.missing.send_replace(lists);
    }

    /// Looks at one app.
    pub(super) fn read<T>(&self, app: &AppName, look: impl FnOnce(&Objects) -> T) -> T {
        look(self.apps.lock().entry(app.clone()).or_default())
    }

    /// Looks at all apps.
    pub(super) fn each<T>(&self, look: impl Fn(&AppName, &Objects) -> Vec<T>) -> Vec<T> {
        self.apps.lock().iter().flat_map(|(app, objects)| look(app, objects)).collect()
    }

    /// Keeps something beside what the watches tell of an app.
    pub(super) fn note<T>(&self, app: &AppName, note: impl FnOnce(&mut Objects) -> T) -> T {
        note(self.apps.lock().entry(app.clone()).or_default())
    }

    /// The generations of one app as they come.
    pub(super) fn generations(&self, app: &AppName) -> signal::Receiver<u64> {
        self.read(app, |objects| objects.generation.subscribe())
    }

    /// Waits until all first lists are complete. Who takes what is missing before that for gone takes running apps apart.
    pub async fn complete(&self) {
        // The sender lives as long as the cache: it cannot be closed.
        drop(self.missing.subscribe().wait_for(|missing| *missing == 0).await);
    }

    /// Waits for changes of any app; answers which apps have changed since the last time.
    pub async fn changes(&self) -> BTreeSet<AppName> {
        let mut changed = self.changed.subscribe();
        // The sender lives as long as the cache: it cannot be closed.
        drop(changed.wait_for(|changed| !changed.is_empty()).await);
        let mut taken = Changed::default();
        self.changed.send_if_modified(|changed| {
            taken = std::mem::take(changed);
            false
        });
        taken
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, pod: &str, message: &str, seen: &str) -> Event {
        serde_json::from_value(json!({
            "metadata": { "name": name, "namespace": "shop" }, "reason": "Unhealthy", "message": message,
            "involvedObject": { "kind": "Pod", "name": pod }, "lastTimestamp": seen,
        }))
        .unwrap()
    }

    fn found(cache: &Cache, pod: &str) -> Vec<String> {
        let pod: Pod = serde_json::from_value(json!({ "metadata": { "name": pod } })).unwrap();
        let found = cache.read(&"shop".parse().unwrap(), |objects| objects.found(&pod));
        found.iter().map(|found| format!("{}: {found}", found.probe)).collect()
    }

    #[test]
    fn what_an_autoscaler_has_measured_is_no_change_and_its_version_is_kept() {
        let (cache, app) = (Cache::default(), "shop".parse().unwrap());
        let tell = |version: &str, max: u32, cpu: u32| {
            let autoscaler: HorizontalPodAutoscaler = serde_json::from_value(json!({
                "metadata": {
                    "name": "shop-web", "namespace": "shop", "resourceVersion": version,
                    "labels": { "app": "shop", "heritage": "deis" },
                    "managedFields": [{ "manager": "controller", "operation": "Update", "subresource": "status", "time": format!("2026-01-01T00:00:{cpu}Z") }],
                },
                "spec": { "maxReplicas": max, "scaleTargetRef": { "kind": "ReplicationController", "name": "shop-v2-web" } },
                "status": { "desiredReplicas": 2, "currentMetrics": [{ "type": "Resource", "resource": { "name": "cpu", "current": { "averageUtilization": cpu } } }] },
            }))
            .unwrap();
            cache.apply(autoscaler, |objects| &mut objects.autoscalers);
            let version = |objects: &Objects| objects.autoscalers["shop-web"].metadata.resource_version.clone();
            (cache.read(&app, Objects::generation), cache.read(&app, version).unwrap())
        };
        assert_eq!(tell("1", 4, 10), (1, "1".to_owned()));
        assert_eq!(tell("2", 4, 20), (1, "2".to_owned()));
        assert_eq!(tell("3", 5, 20), (2, "3".to_owned()));
        // A list that came anew: who keeps the apps looks at all of them again.
        assert_eq!(tell("3", 5, 20), (3, "3".to_owned()));
    }

    #[tokio::test]
    async fn it_is_complete_when_the_last_of_the_lists_is_there() {
        let cache = Cache::default();
        cache.missing.send_replace(2);
        let waits = cache.complete();
        futures_util::pin_mut!(waits);
        assert!(futures_util::poll!(&mut waits).is_pending());
        cache.missing.send_modify(|missing| *missing -= 1);
        assert!(futures_util::poll!(&mut waits).is_pending());
        cache.missing.send_modify(|missing| *missing -= 1);
        waits.await;
    }

    #[test]
    fn the_newest_finding_of_each_probe_is_kept_as_long_as_its_pod_and_its_event() {
        let cache = Cache::default();
        let status = |code: u16| format!("Readiness probe failed: HTTP probe failed with statuscode: {code}");
        cache.probed(&event("e2", "web-1", &status(503), "2026-01-01T00:00:02Z"));
        cache.probed(&event("e1", "web-1", &status(500), "2026-01-01T00:00:01Z"));
        cache.probed(&event("e3", "web-1", "Liveness probe failed: x", "2026-01-01T00:00:01Z"));
        cache.probed(&event("e4", "web-2", "Stopping container web", "2026-01-01T00:00:01Z"));
        assert_eq!(
            found(&cache, "web-1"),
            ["readiness: it answers with HTTP status 503", "liveness: it answers \"x\""]
        );
        assert_eq!(found(&cache, "web-2"), Vec::<String>::new());
        cache.forget_event("shop", "e2");
        assert_eq!(found(&cache, "web-1"), ["liveness: it answers \"x\""]);
        cache.remove::<Pod>("shop", "web-1", |objects| &mut objects.pods);
        assert_eq!(found(&cache, "web-1"), Vec::<String>::new());
        assert_eq!(cache.apps.lock().values().map(|objects| objects.unhealthy.len()).sum::<usize>(), 0);
    }
}
