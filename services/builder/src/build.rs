//! A build: from a commit to an image in the registry.
//!
//! The pod that does the work belongs to a tenant. It gets a token for one build, and what it sends back is believed only after it
//! was read and found harmless; the registry's credentials stay here.

mod cached;
mod conversation;
mod inspect;
mod layers;
mod source;
mod tickets;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deis_api::{AppName, GitSha};
use deis_bootstrap::{Context, deadline};
use deis_oci::{Digest, Image, ImageBuilder};
use futures_util::FutureExt as _;
use secrecy::SecretString;

pub(crate) use conversation::Arrival;
pub(crate) use tickets::Tickets;

use crate::build::conversation::Conversation;
use crate::cache::{Caches, Change, Entry};
use crate::config::Limits;
use crate::git::{Quarantine, Repository};
use crate::hook::Lines;
use crate::ports::{Effects, Job, Runner, Running};
use crate::registry::{Blob, Registry};
use crate::{Error, size};

/// A pod that is removed on the way out has this long to say why it ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What to build.
pub(crate) struct Order {
    pub(crate) app: AppName,
    pub(crate) sha: GitSha,
    pub(crate) repository: Repository,
    pub(crate) quarantine: Quarantine,
    pub(crate) environment: HashMap<String, SecretString>,
    /// Whether it may use what an earlier build has cached, and cache something itself.
    pub(crate) is_caching: bool,
}

/// What became of it.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    /// The image's digest in the registry.
    pub(crate) digest: Digest,
    /// The sum of the app's own layers, packed, in bytes.
    pub(crate) size: u64,
    /// Process type to command.
    pub(crate) processes: HashMap<String, String>,
    /// "Go".
    pub(crate) detected: String,
}

/// Builds images.
pub(crate) struct Builds {
    pub(crate) runner: Arc<dyn Runner>,
    pub(crate) effects: Arc<dyn Effects>,
    pub(crate) tickets: Tickets,
    pub(crate) registry: Arc<Registry>,
    /// The stack's run image, which apps are put on.
    pub(crate) run_image: Image,
    /// Where layers wait to be looked at.
    pub(crate) spool: PathBuf,
    pub(crate) caches: Caches,
    pub(crate) limits: Limits,
    pub(crate) context: Context,
}

impl Builds {
    /// Builds, unless `stop` says that nobody wants it any more. The pod is gone afterwards, however it went.
    pub(crate) async fn build(
        &self,
        order: Order,
        lines: &Lines,
        stop: impl Future<Output = Error>,
    ) -> Result<Built, Error> {
        let ticket = self.tickets.issue();
        let job = Job { app: order.app.clone(), sha: order.sha.clone(), token: ticket.token().clone() };
        let mut pod = self.runner.start(job).await?;
        let limit = self.limits.build_timeout;
        let outcome = tokio::select! {
            outcome = deadline(limit, self.attend(order, ticket, pod.as_mut(), lines)) => {
                outcome.unwrap_or(Err(Error::TimedOut(limit)))
            }
            error = stop => Err(error),
        };
        pod.remove().await;
        outcome
    }

    async fn attend(
        &self,
        order: Order,
        mut ticket: tickets::Ticket,
        pod: &mut dyn Running,
        lines: &Lines,
    ) -> Result<Built, Error> {
        let notice = |text: String| lines.mention(&text);
        let arrival = tokio::select! {
            arrival = ticket.redeemed() => arrival?,
            error = pod.ended(&notice) => return Err(error),
        };
        let spool = tempfile_in(&self.spool).await?;
        let cache = if order.is_caching {
            self.cached(&order.app).await
        } else {
            if let Err(error) = self.forget(&order.app).await {
                tracing::warn!(%error, "a build cache is left behind");
            }
            Vec::new()
        };
        let conversation = Conversation {
            order: &order,
            cache,
            max_cache_bytes: if order.is_caching { self.caches.per_app() } else { 0 },
            spool: spool.path(),
            limits: &self.limits,
            tasks: &self.context.tasks,
            lines,
        };
        let mut received = match conversation.hold(arrival).await {
            Ok(received) => received,
            // The pod ended in the middle: Kubernetes may know why.
            Err(Error::Protocol(problem)) => {
                return Err(deadline(LAST_WORDS, pod.ended(&notice)).await.unwrap_or(Error::Protocol(problem)));
            }
            Err(error) => return Err(error),
        };
        let image = self.compose(&received).map_err(Error::Layer)?;
        let blobs = received.layers.iter().map(|layer| Blob { layer: layer.layer, path: layer.path.clone() }).collect();
        self.effects.store_image(self.registry.push(&order.app, &image, blobs).boxed()).await?;
        if order.is_caching {
            let save = self.save(&order.app, received.take_cache(), lines).map(Ok);
            self.effects.save_cache(save.boxed()).await?;
        }
        received.accept().await;
        Ok(Built {
            digest: image.digest(),
            size: received.layers.iter().map(|layer| layer.layer.size).sum(),
            processes: received.result.processes.clone(),
            detected: received.result.detected.clone(),
        })
    }

    async fn cached(&self, app: &AppName) -> Vec<(Entry, PathBuf)> {
        let (caches, app) = (self.caches.clone(), app.clone());
        let entries = self.context.tasks.blocking("read cache", move || caches.entries(&app)).await;
        entries.unwrap_or_default()
    }

    /// Removes what is cached; whoever turned caching off wants a build that starts from nothing, also when it is turned on again.
    pub(crate) async fn forget(&self, app: &AppName) -> Result<u64, Error> {
        let (caches, name) = (self.caches.clone(), app.clone());
        self.context
            .tasks
            .blocking("clear cache", move || caches.clear(&name))
            .await?
            .map_err(Error::io("clear the cache"))
    }

    /// Keeps what the pod has sent for the next build, or says in a line why not.
    async fn save(&self, app: &AppName, changes: Result<Vec<Change>, String>, lines: &Lines) {
        let saved = match changes {
            Ok(changes) => {
                let (caches, app) = (self.caches.clone(), app.clone());
                let saved = self.context.tasks.blocking("save cache", move || caches.replace(&app, changes)).await;
                saved.map_err(|error| error.to_string()).and_then(|saved| saved.map_err(|error| error.to_string()))
            }
            Err(problem) => Err(problem),
        };
        match saved {
            Ok((_, 0)) => {}
            Ok((size, _)) => lines.say(format!("-----> Saving cache ({})", size::human(size))).await,
            Err(problem) => {
                tracing::info!(problem, "a build cache is not saved");
                lines.say(format!("       The cache is not saved: {problem}.")).await;
            }
        }
    }

    /// The same layers make the same image: nothing in it tells who pushed, or when.
    fn compose(&self, received: &conversation::Received) -> deis_oci::Result<Image> {
        let mut image = ImageBuilder::from_base(&self.run_image);
        for layer in &received.layers {
            image = image.layer(layer.layer, &layer.name);
        }
        for (name, value) in received.environment() {
            image = image.env(name, value);
        }
        image.label("io.deis.buildpacks", &received.result.buildpacks.join(" ")).build()
    }
}

/// A folder that goes when it is not needed any more.
struct Spool(PathBuf);

async fn tempfile_in(folder: &std::path::Path) -> Result<Spool, Error> {
    let path = folder.join(uuid::Uuid::new_v4().simple().to_string());
    tokio::fs::create_dir(&path).await.map_err(Error::io("make room for layers"))?;
    Ok(Spool(path))
}

impl Spool {
    fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "layers are left behind");
        }
    }
}
