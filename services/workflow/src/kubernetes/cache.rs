use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use deis_api::AppName;
use deis_bootstrap::{Context, Latch};
use deis_kube::labels;
use deis_kube::watch::{self, Change};
use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::{Pod, ReplicationController, Service};
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use parking_lot::Mutex;
use tokio::sync::watch as signal;

/// The controllers, pods and Services of all apps, kept up to date by watches.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    apps: Arc<Mutex<HashMap<AppName, Objects>>>,
    changed: Arc<signal::Sender<Changed>>,
}

/// All apps that have changed since they were last taken.
type Changed = BTreeSet<AppName>;

/// What exists of one app.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) controllers: BTreeMap<String, ReplicationController>,
    pub(super) pods: BTreeMap<String, Pod>,
    pub(super) services: BTreeMap<String, Service>,
    generation: signal::Sender<u64>,
}

impl Objects {
    pub(super) fn generation(&self) -> u64 {
        *self.generation.borrow()
    }
}

impl Cache {
    /// Follows Kubernetes until the process ends; the latches go when the first lists are complete.
    pub fn follow(&self, context: &Context, client: &Client) {
        let controllers = context.readiness.latch("the list of controllers");
        let pods = context.readiness.latch("the list of pods");
        let services = context.readiness.latch("the list of Services");
        self.follow_one::<ReplicationController>(context, client, controllers, |objects| &mut objects.controllers);
        self.follow_one::<Pod>(context, client, pods, |objects| &mut objects.pods);
        self.follow_one::<Service>(context, client, services, |objects| &mut objects.services);
    }

    fn follow_one<K>(
        &self,
        context: &Context,
        client: &Client,
        latch: Latch,
        part: fn(&mut Objects) -> &mut BTreeMap<String, K>,
    ) where
        K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
    {
        let (mut changes, _health) =
            watch::objects(Api::<K>::all(client.clone()), watcher::Config::default().labels(labels::OURS));
        let (cache, shutdown) = (self.clone(), context.shutdown.clone());
        drop(context.tasks.spawn("follow Kubernetes", async move {
            let mut latch = Some(latch);
            while let Some(Some(change)) = shutdown.run_until_cancelled(changes.next()).await {
                match change {
                    Change::Applied(object) => cache.apply(object, part),
                    Change::Deleted(key) => cache.remove(&key.namespace, &key.name, part),
                    Change::Complete => drop(latch.take()),
                }
            }
        }));
    }

    fn apply<K: Resource<DynamicType = ()>>(&self, object: K, part: fn(&mut Objects) -> &mut BTreeMap<String, K>) {
        let Some(app) = labels::app(object.meta()) else { return };
        // Tenants cannot write objects; if one could, it would not speak for another app.
        if object.meta().namespace.as_deref() != Some(app.as_str()) {
            return;
        }
        let name = object.meta().name.clone().unwrap_or_default();
        self.change(&app, |objects| drop(part(objects).insert(name, object)));
    }

    fn remove<K>(&self, namespace: &str, name: &str, part: fn(&mut Objects) -> &mut BTreeMap<String, K>) {
        if let Ok(app) = namespace.parse() {
            self.change(&app, |objects| drop(part(objects).remove(name)));
        }
    }

    fn change(&self, app: &AppName, change: impl FnOnce(&mut Objects)) {
        let mut apps = self.apps.lock();
        let objects = apps.entry(app.clone()).or_default();
        change(objects);
        objects.generation.send_modify(|generation| *generation += 1);
        drop(apps);
        self.changed.send_modify(|changed| {
            changed.insert(app.clone());
        });
    }

    /// Looks at one app.
    pub(super) fn read<T>(&self, app: &AppName, look: impl FnOnce(&Objects) -> T) -> T {
        look(self.apps.lock().entry(app.clone()).or_default())
    }

    /// The generations of one app as they come.
    pub(super) fn generations(&self, app: &AppName) -> signal::Receiver<u64> {
        self.read(app, |objects| objects.generation.subscribe())
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
