//! The wait for a workload: a look at it and its pods at each change, and at no other time.

use std::collections::BTreeMap;
use std::time::Duration;

use deis_cli::{Failure, Progress};
use deis_kube::watch::{Change, objects};
use futures_util::StreamExt as _;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt as _};

use super::stage::{Rolls, Stage, stage};
use crate::components::{Component, Workload};
use crate::deadline::{end_of, until};

/// Waits until a component is as its workload says, and shows what for. Nothing is taken back when the wait ends early.
pub(crate) async fn follow(
    client: &Client,
    namespace: &str,
    component: &Component,
    limit: Duration,
    progress: &Progress<'_>,
) -> Result<(), Failure> {
    match component.workload {
        Workload::Deployment => wait::<Deployment>(client, namespace, component, limit, progress).await,
        Workload::StatefulSet => wait::<StatefulSet>(client, namespace, component, limit, progress).await,
        Workload::DaemonSet => wait::<DaemonSet>(client, namespace, component, limit, progress).await,
    }
}

async fn wait<K: Rolls>(
    client: &Client,
    namespace: &str,
    component: &Component,
    limit: Duration,
    progress: &Progress<'_>,
) -> Result<(), Failure> {
    let name = component.object_name();
    let end = end_of(limit);
    let workloads: Api<K> = Api::namespaced(client.clone(), namespace);
    let (mut workloads, _) = objects(workloads, watcher::Config::default().fields(&format!("metadata.name={name}")));
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let (mut pods, _) = objects(pods, watcher::Config::default().labels(&component.selector()));
    let mut seen = Seen::<K>::default();
    let mut waited_for = "an answer of the cluster".to_owned();
    loop {
        tokio::select! {
            change = workloads.next() => seen.workload(change),
            change = pods.next() => seen.pod(change),
            _ = tokio::signal::ctrl_c() => {
                return Err(Failure::interrupted(goes_on(component, &waited_for)).hint(look_at(component)));
            }
            () = until(end) => {
                return Err(Failure::timed_out(goes_on(component, &waited_for)).hint(look_at(component)));
            }
        }
        match seen.stage() {
            None => {}
            Some(Stage::Done) => return Ok(()),
            Some(Stage::Waiting(what)) => {
                progress.explain(&what);
                waited_for = what;
            }
            Some(Stage::Stuck(why)) => {
                return Err(Failure::new(format!("{} does not get there: {why}", component.name))
                    .hint("What served before goes on serving.")
                    .hint(look_at(component)));
            }
        }
    }
}

fn goes_on(component: &Component, waited_for: &str) -> String {
    format!("the change of {} goes on in the cluster; last seen: {waited_for}", component.name)
}

fn look_at(component: &Component) -> String {
    format!("`deisctl status {0}` and `deisctl journal {0}` say more.", component.name)
}

/// The workload and its pods, as far as they have been listed.
struct Seen<K> {
    workload: Option<K>,
    pods: BTreeMap<String, Pod>,
    workload_listed: bool,
    pods_listed: bool,
}

impl<K> Default for Seen<K> {
    fn default() -> Self {
        Self { workload: None, pods: BTreeMap::new(), workload_listed: false, pods_listed: false }
    }
}

impl<K: Rolls> Seen<K> {
    fn workload(&mut self, change: Option<Change<K>>) {
        match change {
            Some(Change::Applied(object)) => self.workload = Some(object),
            Some(Change::Deleted(_)) => self.workload = None,
            Some(Change::Complete) | None => self.workload_listed = true,
        }
    }

    fn pod(&mut self, change: Option<Change<Pod>>) {
        match change {
            Some(Change::Applied(pod)) => drop(self.pods.insert(pod.name_any(), pod)),
            Some(Change::Deleted(key)) => drop(self.pods.remove(&key.name)),
            Some(Change::Complete) | None => self.pods_listed = true,
        }
    }

    /// `None` before both lists are there.
    fn stage(&self) -> Option<Stage> {
        if !self.workload_listed || !self.pods_listed {
            return None;
        }
        let pods = self.pods.values().cloned().collect::<Vec<_>>();
        Some(match &self.workload {
            Some(workload) => stage(&workload.figures(), &pods),
            None => Stage::Stuck("somebody has deleted it".to_owned()),
        })
    }
}
