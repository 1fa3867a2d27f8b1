//! Build pods in Kubernetes.

use std::net::IpAddr;
use std::sync::Arc;

use deis_kube::objects::{BUILD_PODS, Build, Limits, build_pod};
use deis_kube::{apply, delete};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, ResourceExt as _};
use secrecy::ExposeSecret as _;

use crate::Error;
use crate::config::BuildPodConfig;
use crate::ports::{Call, Job, Runner, Running};

mod state;

/// Build pods are written under no deploy lock.
const NO_FENCE: i64 = 0;

/// Starts pods.
pub(crate) struct Pods {
    pub(crate) client: Client,
    pub(crate) config: BuildPodConfig,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) ca: Arc<str>,
    /// How long a pod may live, in seconds.
    pub(crate) deadline_seconds: i64,
}

impl Pods {
    async fn start(&self, job: Job) -> Result<Box<dyn Running>, Error> {
        let suffix = uuid::Uuid::new_v4().simple().to_string();
        let BuildPodConfig { image, cpu, memory, disk } = &self.config;
        let pod = build_pod(&Build {
            app: &job.app,
            sha: &job.sha,
            suffix: suffix.get(..5).unwrap_or(&suffix),
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

    /// What an earlier builder left behind: every build pod there is, before this one has started any. There is one builder at a
    /// time, since its volume has one writer.
    pub(crate) async fn orphans(&self) -> Result<Vec<Orphan>, kube::Error> {
        let pods: Api<Pod> = Api::all(self.client.clone());
        let orphans = pods.list(&ListParams::default().labels(BUILD_PODS)).await?;
        let orphan = |pod: &Pod| {
            let api = Api::namespaced(self.client.clone(), &pod.namespace().unwrap_or_default());
            Orphan(BuildPod { api, name: pod.name_any() })
        };
        Ok(orphans.iter().map(orphan).collect())
    }
}

/// A build pod that nobody waits for.
pub(crate) struct Orphan(BuildPod);

impl Orphan {
    pub(crate) async fn remove(self) {
        self.0.delete().await;
    }
}

impl Runner for Pods {
    fn start(&self, job: Job) -> Call<'_, Box<dyn Running>> {
        self.start(job).boxed()
    }
}

struct BuildPod {
    api: Api<Pod>,
    name: String,
}

impl BuildPod {
    async fn delete(&self) {
        if let Err(error) = delete::named(&self.api, &self.name).await {
            // Its own deadline ends it, and the next start of a builder removes it.
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
