use std::collections::BTreeSet;
use std::time::Duration;

use deis_api::{AppName, ProcType};
use deis_bootstrap::deadline;
use deis_kube::objects::Drain;
use deis_kube::objects::Routing;
use deis_kube::{Error as KubeError, apply, delete, labels, objects};
use futures_util::future::{BoxFuture, try_join_all};
use futures_util::try_join;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod as KubePod, ReplicationController, Secret, Service};
use kube::api::{ListParams, LogParams};
use kube::{Api, Client};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;

use super::cache::Cache;
use super::{demolish, observe, process};
use crate::configs::tags::Tags;
use crate::deploy::cluster::{Cluster, Demolition, Done, PodList, PodView};
use crate::deploy::world::{self, Autoscaler, Budget, Controller, Pod, Served, World};
use crate::deploy::{Assignment, EffectError, Failure, Grant};
use crate::ledger::CertificateTexts;

/// How many lines a failing process's last words have.
const LAST_LINES: i64 = 20;
/// How long they are waited for.
const LAST_WORDS_PATIENCE: Duration = Duration::from_secs(5);
/// How long a deploy waits for the first lists before it says so.
const LISTS_PATIENCE: Duration = Duration::from_secs(1);
/// How many characters of an error of Kubernetes people are told.
const LONGEST_MESSAGE: usize = 200;

/// The key from which every app's pull password is made; the registry proxy has it too.
#[derive(Clone, Debug)]
pub struct PullKey(SecretSlice<u8>);

impl From<Vec<u8>> for PullKey {
    fn from(key: Vec<u8>) -> Self {
        Self(key.into())
    }
}

impl PullKey {
    /// The password with which the kubelet pulls this app's repository: lower-case hex of HMAC-SHA256(key, "pull/v1/" + app).
    fn password(&self, app: &AppName) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).ok()?;
        mac.update(b"pull/v1/");
        mac.update(app.as_str().as_bytes());
        Some(hex::encode(mac.finalize().into_bytes()))
    }

    /// The key by which requests are told apart: HMAC-SHA256(key, "requests/v1"), which is no app's password.
    #[must_use]
    pub fn for_requests(&self) -> SecretSlice<u8> {
        let mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret());
        let key = mac.map(|mac| mac.chain_update(b"requests/v1").finalize().into_bytes().to_vec());
        // A key of any length is one.
        SecretSlice::from(key.unwrap_or_default())
    }
}

/// The cluster.
#[derive(Clone)]
pub struct Kubernetes {
    pub(super) client: Client,
    pub(super) cache: Cache,
    pull_key: PullKey,
    /// Where the routers read certificates; nowhere without routers.
    pub(super) certificates: Option<String>,
}

impl Kubernetes {
    /// Reads from the cache and writes through the client.
    #[must_use]
    pub const fn new(client: Client, cache: Cache, pull_key: PullKey) -> Self {
        Self { client, cache, pull_key, certificates: None }
    }

    /// Whether the app's Service is what it should be, with the certificates that it names, as far as the watches know.
    #[must_use]
    pub fn is_served(&self, app: &AppName, routing: &Routing) -> bool {
        self.cache.read(app, |objects| observe::is_served(objects, app, routing)) && self.is_certified(app, routing)
    }

    pub(super) fn api<K>(&self, app: &AppName) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), app.as_str())
    }
}

impl PodList for Kubernetes {
    fn pods(&self, app: &AppName) -> Vec<PodView> {
        self.cache.read(app, |objects| observe::views(objects, Timestamp::now()))
    }

    fn world(&self, app: &AppName, served: &Served, reachable: &BTreeSet<String>) -> World {
        self.observe(app, served, reachable)
    }

    fn is_served(&self, app: &AppName, routing: &Routing) -> bool {
        Self::is_served(self, app, routing)
    }
}

impl Cluster for Kubernetes {
    fn has_foreign_namespace<'a>(&'a self, app: &'a AppName) -> BoxFuture<'a, Result<bool, EffectError>> {
        Box::pin(async move {
            let api = Api::<Namespace>::all(self.client.clone());
            let found = api.get_metadata_opt(app.as_str()).await.map_err(|error| {
                tracing::warn!(%app, %error, "a namespace cannot be looked up");
                EffectError::Unavailable("Kubernetes cannot be reached.".to_owned())
            })?;
            Ok(found.is_some_and(|namespace| labels::app(&namespace.metadata).as_ref() != Some(app)))
        })
    }

    fn has_node<'a>(&'a self, tags: &'a Tags) -> BoxFuture<'a, Result<bool, EffectError>> {
        Box::pin(async move {
            let labels = tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
            let selector = ListParams::default().labels(&labels).limit(1);
            let found = Api::<Node>::all(self.client.clone()).list_metadata(&selector).await.map_err(|error| {
                tracing::warn!(%error, "nodes cannot be looked up");
                EffectError::Unavailable("Kubernetes cannot be reached.".to_owned())
            })?;
            Ok(!found.items.is_empty())
        })
    }

    fn certify<'a>(&'a self, grant: &'a Grant, certificates: &'a [CertificateTexts]) -> Done<'a> {
        Box::pin(self.copy_certificates(grant, certificates))
    }

    fn furnish<'a>(&'a self, app: &'a AppName, routing: &'a Routing, allow_root: bool, fence: i64) -> Done<'a> {
        Box::pin(async move {
            // Every run comes by here before its first look: what is not listed yet would be missing to it.
            if deadline(LISTS_PATIENCE, self.cache.complete()).await.is_err() {
                return Err(EffectError::Unavailable(
                    "Kubernetes has yet to list what is there, trying again.".to_owned(),
                ));
            }
            let namespaces = Api::all(self.client.clone());
            apply::ensure(&namespaces, objects::namespace(app, allow_root), fence).await?;
            let password = self.pull_key.password(app);
            let password = password.ok_or_else(|| EffectError::Refused("The pull key cannot be used.".to_owned()))?;
            let (services, secrets) = (self.api::<Service>(app), self.api::<Secret>(app));
            let of_paths = objects::services_of_paths(app, routing).into_iter();
            try_join!(
                apply::ensure(&services, objects::service(app, routing), fence),
                apply::ensure(&secrets, objects::pull_secret(app, &password), fence),
                try_join_all(of_paths.map(|service| apply::ensure(&services, service, fence))),
            )?;
            Ok(())
        })
    }

    fn equip<'a>(&'a self, grant: &'a Grant, assignment: &'a Assignment) -> Done<'a> {
        Box::pin(async move {
            if assignment.image.is_some() {
                let secret = objects::environment(&grant.app, assignment.release, &assignment.environment());
                apply::ensure(&self.api::<Secret>(&grant.app), secret, grant.fence).await?;
            }
            Ok(())
        })
    }

    fn start_phase<'a>(&'a self, grant: &'a Grant, assignment: &'a Assignment) -> Done<'a> {
        Box::pin(async move {
            let Some(pod) = process::release_phase(assignment) else { return Ok(()) };
            apply::create(&self.api::<KubePod>(&grant.app), pod, grant.fence).await?;
            Ok(())
        })
    }

    fn create<'a>(&'a self, grant: &'a Grant, assignment: &'a Assignment, proc_type: &'a ProcType) -> Done<'a> {
        Box::pin(async move {
            let Some(controller) = process::controller(assignment, proc_type) else { return Ok(()) };
            apply::create(&self.api::<ReplicationController>(&grant.app), controller, grant.fence).await?;
            Ok(())
        })
    }

    fn drain<'a>(&'a self, grant: &'a Grant, service: &'a world::Service, drain: &'a Drain) -> Done<'a> {
        Box::pin(async move {
            let services = self.api::<Service>(&grant.app);
            Ok(apply::drain(&services, &service.seen, drain, grant.fence).await?)
        })
    }

    fn resize<'a>(&'a self, grant: &'a Grant, controller: &'a Controller, to: u32, leaving: &'a [&'a Pod]) -> Done<'a> {
        Box::pin(async move {
            let pods = self.api::<KubePod>(&grant.app);
            // When all go it does not matter in which order.
            let marked = if to == 0 { &[] } else { leaving };
            try_join_all(marked.iter().map(|pod| apply::mark_for_deletion(&pods, &pod.name, &pod.uid, grant.fence)))
                .await?;
            let controllers = self.api::<ReplicationController>(&grant.app);
            let to = i32::try_from(to).unwrap_or(i32::MAX);
            apply::scale(&controllers, &controller.seen, to, grant.fence).await?;
            Ok(())
        })
    }

    fn replace<'a>(&'a self, grant: &'a Grant, leaving: &'a [&'a Pod]) -> Done<'a> {
        Box::pin(async move {
            let pods = self.api::<KubePod>(&grant.app);
            try_join_all(leaving.iter().map(|pod| delete::uid(&pods, &pod.name, &pod.uid))).await?;
            Ok(())
        })
    }

    fn protect<'a>(&'a self, grant: &'a Grant, proc_type: &'a ProcType) -> Done<'a> {
        Box::pin(self.give_budget(grant, proc_type))
    }

    fn unprotect<'a>(&'a self, grant: &'a Grant, budget: &'a Budget) -> Done<'a> {
        Box::pin(self.take_budget(grant, budget))
    }

    fn take_back<'a>(&'a self, grant: &'a Grant, autoscaler: &'a Autoscaler) -> Done<'a> {
        Box::pin(self.take_autoscaler(grant, autoscaler))
    }

    fn hand_over<'a>(&'a self, grant: &'a Grant, assignment: &'a Assignment, proc_type: &'a ProcType) -> Done<'a> {
        Box::pin(self.give_autoscaler(grant, assignment, proc_type))
    }

    fn delete<'a>(&'a self, grant: &'a Grant, controller: &'a Controller) -> Done<'a> {
        Box::pin(async move {
            let controllers = self.api::<ReplicationController>(&grant.app);
            delete::seen(&controllers, &controller.seen, grant.fence).await?;
            Ok(())
        })
    }

    fn demolish<'a>(
        &'a self,
        app: &'a AppName,
        fence: i64,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Demolition, EffectError>> {
        Box::pin(async move {
            self.remove_certificates(app, fence).await?;
            demolish::demolish(&self.client, app, fence, limit).await
        })
    }

    fn tidy<'a>(&'a self, grant: &'a Grant, assignment: &'a Assignment) -> Done<'a> {
        let keep = assignment.release;
        Box::pin(async move {
            self.tidy_certificates(grant, &assignment.routing).await?;
            let idle =
                self.cache.read(&grant.app, |objects| observe::idle_services(objects, &grant.app, &assignment.routing));
            let services = self.api::<Service>(&grant.app);
            try_join_all(idle.iter().map(|service| delete::seen(&services, service, grant.fence))).await?;
            let secrets = self.api::<Secret>(&grant.app);
            let selector = ListParams::default().labels("heritage=deis,type=env");
            let found = secrets.list_metadata(&selector).await.map_err(|error| {
                tracing::warn!(app = %grant.app, %error, "the environments of releases cannot be listed");
                EffectError::Unavailable(outage(&error))
            })?;
            let in_use = self.cache.read(&grant.app, |objects| {
                let versions = objects.controllers.values().filter_map(|object| labels::version(&object.metadata));
                // A command may have been started with it, and not be begun.
                let one_offs = objects.pods.values().filter(|pod| labels::is_one_off(&pod.metadata));
                let one_offs = one_offs.filter_map(|pod| labels::version(&pod.metadata));
                versions.chain(one_offs).chain([keep]).collect::<BTreeSet<_>>()
            });
            for secret in found {
                let version = labels::version(&secret.metadata);
                if version.is_some_and(|version| !in_use.contains(&version)) {
                    delete::seen(&secrets, &apply::Seen::of(&secret), grant.fence).await?;
                }
            }
            let phases = self.cache.read(&grant.app, |objects| observe::idle_phase_pods(objects, keep, grant.fence));
            let pods = self.api::<KubePod>(&grant.app);
            try_join_all(phases.iter().map(|(name, uid)| delete::uid(&pods, name, uid))).await?;
            Ok(())
        })
    }

    fn report<'a>(&'a self, app: &'a AppName, failure: &'a Failure) -> BoxFuture<'a, ()> {
        Box::pin(self.event(app, failure.code, &failure.message))
    }

    fn observe(&self, app: &AppName, served: &Served, reachable: &BTreeSet<String>) -> World {
        self.cache.read(app, |objects| observe::world(objects, app, served, reachable, Timestamp::now()))
    }

    fn changed<'a>(&'a self, app: &'a AppName, since: u64, limit: Duration) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let mut generations = self.cache.generations(app);
            let changed = generations.wait_for(|generation| *generation > since);
            if deadline(limit, changed).await.is_err() {
                tracing::trace!(%app, "nothing has changed");
            }
        })
    }

    fn log_tail<'a>(&'a self, app: &'a AppName, pod: &'a str) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            let pods = self.api::<KubePod>(app);
            let tail = |previous| {
                let params = LogParams { tail_lines: Some(LAST_LINES), previous, ..LogParams::default() };
                let pods = pods.clone();
                async move { deadline(LAST_WORDS_PATIENCE, pods.logs(pod, &params)).await.ok()?.ok() }
            };
            let lines = |text: Option<String>| text.unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
            let current = lines(tail(false).await);
            if current.is_empty() { lines(tail(true).await) } else { current }
        })
    }
}

impl From<KubeError> for EffectError {
    fn from(error: KubeError) -> Self {
        match error {
            // A namespace or a controller that is not there any more: look again, it is made again.
            KubeError::Conflict { .. } | KubeError::NotFound { .. } => Self::Changed,
            KubeError::Fenced { object } => {
                tracing::info!(object, "another process has taken over");
                Self::Changed
            }
            KubeError::Refused { .. } => Self::Refused(error.to_string()),
            KubeError::Unavailable { ref source, .. } => {
                tracing::warn!(error = ?error, "Kubernetes does not do what it is asked");
                Self::Unavailable(outage(source))
            }
        }
    }
}

/// Why Kubernetes has not done what it may do in a moment, for those who wait.
pub(super) fn outage(error: &kube::Error) -> String {
    let why = match error {
        kube::Error::Api(status) if status.code == 429 => "has too much to do and puts us off (429)".to_owned(),
        kube::Error::Api(status) => {
            // Whatever stands in between may answer in its place, with a page or with a terminal's escapes.
            let line = status.message.lines().next().unwrap_or_default().chars();
            let message = line.filter(|character| !character.is_control()).take(LONGEST_MESSAGE).collect::<String>();
            format!("has an error ({}: {message})", status.code)
        }
        _ => "cannot be reached".to_owned(),
    };
    format!("Kubernetes {why}, trying again.")
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn who_waits_for_kubernetes_hears_why() {
        let answer = |code, message: &str| {
            outage(&kube::Error::Api(Box::new(Status::failure(message, "Reason").with_code(code))))
        };
        insta::assert_yaml_snapshot!([
            answer(429, "Too many requests, please try again later."),
            answer(500, "Internal error occurred: failed calling webhook \"policy.example.com\""),
            answer(504, &"x".repeat(1000)),
            answer(502, "Bad \u{1b}[31mGateway\t\r\n<html>\n"),
            outage(&kube::Error::LinesCodecMaxLineLengthExceeded),
        ]);
    }

    #[test]
    fn pull_passwords_are_bound_to_the_app() {
        let key = PullKey::from(b"key".to_vec());
        let password = |app: &str| key.password(&app.parse().unwrap()).unwrap();
        assert_eq!(password("shop").len(), 64);
        assert_ne!(password("shop"), password("shop-internal"));
        insta::assert_snapshot!(password("shop"));
    }

    #[tokio::test]
    async fn no_deploy_looks_at_half_a_list() {
        let client = Client::try_from(kube::Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
        let (cache, app) = (Cache::default(), "shop".parse().unwrap());
        let kubernetes = Kubernetes::new(client, cache.clone(), PullKey::from(b"key".to_vec()));
        let routing = Routing::default();
        let furnish = || async { kubernetes.furnish(&app, &routing, false, 1).await.unwrap_err().to_string() };
        cache.lacks(1);
        assert_eq!(furnish().await, "Kubernetes has yet to list what is there, trying again.");
        cache.lacks(0);
        assert_eq!(furnish().await, "Kubernetes cannot be reached, trying again.");
    }
}
