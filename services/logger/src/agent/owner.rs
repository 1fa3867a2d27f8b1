//! Whose a container is: read from Kubernetes, and from nowhere else.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use deis_api::AppName;
use deis_bootstrap::Context;
use deis_kube::labels;
use deis_kube::watch::{self, Change};
use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;
use kube::{Api, Client};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// The process type of pods that build: the one who pushes hears them.
const BUILD: &str = "build";

/// What is said of a container's lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) app: AppName,
    pub(crate) pod: String,
    pub(crate) process: String,
    pub(crate) release: String,
}

/// The pods of this node whose lines are collected.
#[derive(Clone, Debug)]
pub(crate) struct Owners {
    inner: Arc<Mutex<Inner>>,
    changed: Arc<Notify>,
    /// The platform's own namespace, whatever its labels.
    platform: String,
}

#[derive(Debug, Default)]
struct Inner {
    pods: HashMap<String, Candidate>,
    namespaces: HashSet<String>,
}

/// A pod that says of itself that it is an app's.
#[derive(Debug)]
struct Candidate {
    owner: Arc<Owner>,
    is_gone: bool,
}

impl Owners {
    pub(crate) fn new(platform: String) -> Self {
        Self { inner: Arc::default(), changed: Arc::default(), platform }
    }

    /// Follows the pods of a node and the namespaces of apps until the process ends; latches go with the first lists.
    pub(crate) fn follow(&self, context: &Context, client: &Client, node: &str) {
        let of_node = watcher::Config::default().labels(labels::OURS).fields(&format!("spec.nodeName={node}"));
        let (mut pods, _health) = watch::objects(Api::<PartialObjectMeta<Pod>>::all(client.clone()), of_node);
        let ours = watcher::Config::default().labels(labels::OURS);
        let (mut namespaces, _health) = watch::objects(Api::<PartialObjectMeta<Namespace>>::all(client.clone()), ours);

        let (owners, end) = (self.clone(), context.shutdown.clone());
        let mut latch = Some(context.readiness.latch("the list of pods"));
        context.tasks.spawn("follow pods", async move {
            while let Some(Some(change)) = end.run_until_cancelled(pods.next()).await {
                match change {
                    Change::Applied(pod) => owners.pod(&pod.metadata),
                    Change::Deleted(key) => owners.pod_gone(&key.uid),
                    Change::Complete => drop(latch.take()),
                }
            }
        });
        let (owners, end) = (self.clone(), context.shutdown.clone());
        let mut latch = Some(context.readiness.latch("the list of namespaces"));
        context.tasks.spawn("follow namespaces", async move {
            while let Some(Some(change)) = end.run_until_cancelled(namespaces.next()).await {
                match change {
                    Change::Applied(namespace) => owners.namespace(&namespace.metadata),
                    Change::Deleted(key) => drop(owners.inner.lock().namespaces.remove(&key.name)),
                    Change::Complete => drop(latch.take()),
                }
            }
        });
    }

    /// Waits until something is different.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The pods to be followed now: those that say the name of the app whose namespace they are in, which must be an app's.
    pub(crate) fn current(&self) -> HashMap<String, Arc<Owner>> {
        let inner = self.inner.lock();
        let is_of_app = |candidate: &Candidate| inner.namespaces.contains(candidate.owner.app.as_str());
        let pods = inner.pods.iter().filter(|(_, candidate)| is_of_app(candidate));
        pods.map(|(uid, candidate)| (uid.clone(), Arc::clone(&candidate.owner))).collect()
    }

    /// Forgets pods that are gone in Kubernetes, except those whose files are still there.
    pub(crate) fn forget_gone(&self, is_there: impl Fn(&str) -> bool) {
        self.inner.lock().pods.retain(|uid, candidate| !candidate.is_gone || is_there(uid));
    }

    fn pod(&self, meta: &ObjectMeta) {
        let Some(uid) = meta.uid.clone() else { return };
        match owner(meta) {
            Some(owner) if meta.namespace.as_deref() != Some(&self.platform) => {
                let candidate = Candidate { owner: Arc::new(owner), is_gone: false };
                self.inner.lock().pods.insert(uid, candidate);
            }
            _ => drop(self.inner.lock().pods.remove(&uid)),
        }
        self.changed.notify_one();
    }

    /// What it wrote last is still to be read.
    fn pod_gone(&self, uid: &str) {
        if let Some(candidate) = self.inner.lock().pods.get_mut(uid) {
            candidate.is_gone = true;
        }
    }

    fn namespace(&self, meta: &ObjectMeta) {
        let Some(name) = meta.name.clone() else { return };
        let is_of_app = labels::app(meta).is_some_and(|app| app.as_str() == name);
        let mut inner = self.inner.lock();
        if is_of_app {
            inner.namespaces.insert(name);
        } else {
            inner.namespaces.remove(&name);
        }
        drop(inner);
        self.changed.notify_one();
    }
}

fn owner(meta: &ObjectMeta) -> Option<Owner> {
    let app = labels::app(meta)?;
    let text = |key| labels::label(meta, key).unwrap_or_default().to_owned();
    let process = text(labels::TYPE);
    if meta.namespace.as_deref() != Some(app.as_str()) || process == BUILD {
        return None;
    }
    Some(Owner { app, pod: meta.name.clone()?, process, release: text(labels::VERSION) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(namespace: &str, name: &str, labels: &[(&str, &str)]) -> ObjectMeta {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let (namespace, name) = (Some(namespace.to_owned()), Some(name.to_owned()));
        ObjectMeta { uid: name.clone(), name, namespace, labels: Some(labels), ..ObjectMeta::default() }
    }

    #[test]
    fn a_pod_is_of_the_app_whose_namespace_it_is_in() {
        let owners = Owners::new("deis".to_owned());
        let ours = |app, kind| [("heritage", "deis"), ("app", app), ("type", kind), ("version", "v3")];
        for (namespace, pod, labels) in [
            ("a", "honest", ours("a", "web")),
            ("a", "liar", ours("b", "web")),
            ("a", "build", ours("a", "build")),
            ("stranger", "stranger", ours("stranger", "web")),
            ("deis", "platform", ours("deis", "web")),
            ("b", "helm", [("heritage", "helm"), ("app", "b"), ("type", "web"), ("version", "v1")]),
        ] {
            owners.pod(&meta(namespace, pod, &labels));
        }
        assert!(owners.current().is_empty(), "no namespace is known yet");
        owners.namespace(&meta("", "a", &[("heritage", "deis"), ("app", "a")]));
        owners.namespace(&meta("", "b", &[("heritage", "deis"), ("app", "b")]));
        owners.namespace(&meta("", "deis", &[("heritage", "deis"), ("app", "deis")]));
        owners.namespace(&meta("", "stranger", &[("heritage", "deis"), ("app", "a")]));

        let current = owners.current();
        assert_eq!(current.keys().collect::<Vec<_>>(), ["honest"]);
        let Owner { app, pod, process, release } = current["honest"].as_ref().clone();
        assert_eq!((app.as_str(), pod.as_str(), process.as_str(), release.as_str()), ("a", "honest", "web", "v3"));

        owners.pod_gone("honest");
        owners.forget_gone(|_| true);
        assert_eq!(owners.current().len(), 1);
        owners.forget_gone(|_| false);
        assert!(owners.current().is_empty());
    }
}
