//! Build pods in Kubernetes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::deadline;
use deis_kube::objects::{BUILD_PODS, Build, Limits, build_pod};
use deis_kube::{apply, delete, labels};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, ListParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, ResourceExt as _};
use secrecy::ExposeSecret as _;

use crate::Error;
use crate::config::BuildPodConfig;
use crate::ports::{Call, Job, Orphans, Runner, Running};
use crate::process::Process;

mod state;

/// Build pods are written under no deploy lock.
const NO_FENCE: i64 = 0;

/// How long the list of all build pods may take.
const LISTING: Duration = Duration::from_secs(30);

/// Starts pods.
pub(crate) struct Pods {
    pub(crate) client: Client,
    pub(crate) config: BuildPodConfig,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) ca: Arc<str>,
    /// How long a pod may live, in seconds.
    pub(crate) deadline_seconds: i64,
    /// The pods bear its name; it knows whose builder lives.
    pub(crate) process: Arc<Process>,
}

impl Pods {
    async fn start(&self, job: Job) -> Result<Box<dyn Running>, Error> {
        let suffix = uuid::Uuid::new_v4().simple().to_string();
        let BuildPodConfig { image, cpu, memory, disk } = &self.config;
        let pod = build_pod(&Build {
            app: &job.app,
            sha: &job.sha,
            suffix: suffix.get(..5).unwrap_or(&suffix),
            builder: self.process.holder(),
            image,
            builder_address: &std::net::SocketAddr::new(self.address, self.port).to_string(),
            token: job.token.expose_secret(),
            ca: &self.ca,
            deadline_seconds: self.deadline_seconds,
            limits: Limits { cpu, memory, disk },
        });
        let running = BuildPod { api: Api::namespaced(self.client.clone(), job.app.as_str()), name: pod.name_any() };
        match apply::create(&running.api, pod, NO_FENCE).await {
            Ok(_) => Ok(Box::new(running)),
            Err(error) => {
                // It may have been created although we did not hear of it.
                running.delete().await;
                Err(error.into())
            }
        }
    }

    /// Removes the build pods that nobody waits for.
    async fn remove_orphans(&self) -> Orphans {
        let pods: Api<Pod> = Api::all(self.client.clone());
        let found = match deadline(LISTING, pods.list(&ListParams::default().labels(BUILD_PODS))).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::warn!(%error, "build pods of a builder that died may be left");
                return Orphans::OfTheLiving;
            }
            Err(late) => {
                tracing::warn!(%late, "build pods of a builder that died may be left");
                return Orphans::OfTheLiving;
            }
        };
        let (orphans, others): (Vec<_>, Vec<_>) = found.iter().partition(|pod| self.is_orphan(pod));
        for pod in orphans {
            let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
            tracing::info!(namespace, pod = name, "removing the build pod of a builder that died");
            BuildPod { api: Api::namespaced(self.client.clone(), &namespace), name }.delete().await;
        }
        let is_ours = |pod: &&Pod| labels::label(&pod.metadata, labels::BUILDER) == Some(self.process.holder());
        if others.iter().all(is_ours) { Orphans::None } else { Orphans::OfTheLiving }
    }

    /// Whether the builder is dead that made the pod. Builders before those that name themselves may live: what is older than it may get
    /// is nobody's.
    fn is_orphan(&self, pod: &Pod) -> bool {
        match labels::label(&pod.metadata, labels::BUILDER) {
            Some(holder) => !self.process.is_alive(holder),
            None => pod.creation_timestamp().is_some_and(|Time(created)| {
                jiff::Timestamp::now().duration_since(created).as_secs() > self.deadline_seconds
            }),
        }
    }
}

impl Runner for Pods {
    fn start(&self, job: Job) -> Call<'_, Box<dyn Running>> {
        self.start(job).boxed()
    }

    fn remove_orphans(&self) -> BoxFuture<'_, Orphans> {
        self.remove_orphans().boxed()
    }
}

struct BuildPod {
    api: Api<Pod>,
    name: String,
}

impl BuildPod {
    async fn delete(&self) {
        if let Err(error) = delete::named(&self.api, &self.name).await {
            // Its own deadline ends it, and a builder that looks for orphans removes it when this one is gone.
            tracing::warn!(%error, pod = self.name, "a build pod is left behind");
        }
    }
}

impl Running for BuildPod {
    fn ended<'a>(&'a mut self, notice: &'a (dyn Fn(String) + Send + Sync)) -> BoxFuture<'a, Error> {
        async move {
            let mut changes = watcher::watch_object(self.api.clone(), &self.name).default_backoff().boxed();
            let mut said = None;
            while let Some(change) = changes.next().await {
                match change {
                    Ok(Some(pod)) => match state::of(&pod) {
                        state::State::Ended(error) => return error,
                        state::State::Waiting(reason) if said.as_ref() != Some(&reason) => {
                            notice(reason.clone());
                            said = Some(reason);
                        }
                        _ => {}
                    },
                    Ok(None) => return state::deleted(),
                    Err(error) => tracing::debug!(%error, "the watch of a build pod starts again"),
                }
            }
            state::deleted()
        }
        .boxed()
    }

    fn remove(&mut self) -> BoxFuture<'_, ()> {
        self.delete().boxed()
    }
}
