//! The certificates of apps' domains, as the routers read them: copies in one namespace, an app's own for each app.
//!
//! A copy is named by its content and never changes: another certificate is another copy. What stands in the ledger is what is there;
//! copies that no domain has go once the app's Service does not name them any more, and what somebody has changed by hand is restored.

use std::collections::{BTreeMap, HashMap};

use deis_api::{AppName, CertificateDigest};
use deis_bootstrap::Context;
use deis_kube::apply::Seen;
use deis_kube::objects::{self, Routing};
use deis_kube::watch::{self, Change};
use deis_kube::{Error as KubeError, apply, delete, labels, names};
use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt as _};
use secrecy::ExposeSecret as _;

use super::writes::outage;
use super::{Cache, Kubernetes};
use crate::certificates::digest;
use crate::deploy::{EffectError, Grant};
use crate::ledger::CertificateTexts;

/// An app's copies, by the names of their Secrets.
pub(super) type Copies = BTreeMap<String, Copy>;

/// A copy as it was seen. Its texts are looked at and not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    seen: Seen,
    /// What it holds; nothing that could be served, when it is `None`.
    digest: Option<CertificateDigest>,
}

impl Copy {
    fn of(secret: &Secret) -> Self {
        let text = |bytes| std::str::from_utf8(bytes).ok();
        let texts = objects::read_certificate(secret).and_then(|(chain, key)| text(chain).zip(text(key)));
        Self { seen: Seen::of(secret), digest: texts.map(|(chain, key)| digest(chain, key)) }
    }
}

fn secret_name(app: &AppName, digest: &CertificateDigest) -> String {
    names::certificate_secret(&names::certificate_copy(app, digest))
}

impl Cache {
    /// Follows the copies of certificates until the process ends; the latch goes when the first list is complete.
    pub fn follow_certificates(&self, context: &Context, client: &Client, namespace: &str) {
        self.expect_list();
        let mut latch = Some(context.readiness.latch("the list of certificates"));
        let selection = watcher::Config::default().labels(labels::OURS);
        let (mut changes, _health) = watch::objects(Api::<Secret>::namespaced(client.clone(), namespace), selection);
        let (cache, shutdown) = (self.clone(), context.shutdown.clone());
        drop(context.tasks.spawn("follow certificates", async move {
            // Nothing parses names: whose one was is known from its labels.
            let mut owners = HashMap::new();
            while let Some(Some(change)) = shutdown.run_until_cancelled(changes.next()).await {
                match change {
                    Change::Applied(secret) => {
                        let Some(app) = labels::app(&secret.metadata) else { continue };
                        owners.insert(secret.name_any(), app.clone());
                        cache.take_copy(&app, &secret);
                    }
                    Change::Deleted(key) => {
                        let Some(app) = owners.remove(&key.name) else { continue };
                        cache.change(&app, |objects| objects.copies.remove(&key.name).is_some());
                    }
                    Change::Complete if latch.take().is_some() => cache.have_list(),
                    Change::Complete => {}
                }
            }
        }));
    }

    fn take_copy(&self, app: &AppName, secret: &Secret) {
        let (name, copy) = (secret.name_any(), Copy::of(secret));
        self.change(app, |objects| objects.copies.insert(name, copy.clone()).as_ref() != Some(&copy));
    }
}

impl Kubernetes {
    /// The same, with the namespace where routers read certificates.
    #[must_use]
    pub fn with_certificates(mut self, namespace: String) -> Self {
        self.certificates = Some(namespace);
        self
    }

    /// Whether an app's copies are those that its domains have, and no others.
    pub(super) fn is_certified(&self, app: &AppName, routing: &Routing) -> bool {
        if self.certificates.is_none() {
            return true;
        }
        let wanted = routing.certificates.values().map(|digest| (secret_name(app, digest), digest));
        let wanted = wanted.collect::<BTreeMap<_, _>>();
        self.cache.read(app, |objects| {
            objects.copies.len() == wanted.len()
                && objects
                    .copies
                    .iter()
                    .all(|(name, copy)| copy.digest.is_some() && wanted.get(name).copied() == copy.digest.as_ref())
        })
    }

    /// Writes the copies that are not there or are otherwise than they should be.
    pub(super) async fn copy_certificates(&self, grant: &Grant, all: &[CertificateTexts]) -> Result<(), EffectError> {
        let Some(namespace) = &self.certificates else { return Ok(()) };
        let secrets = Api::<Secret>::namespaced(self.client.clone(), namespace);
        let copying = all.iter().map(|texts| {
            let CertificateTexts { digest, chain, key } = texts;
            let copy = objects::certificate(namespace, &grant.app, digest, chain, key.expose_secret());
            apply::ensure(&secrets, copy, grant.fence)
        });
        try_join_all(copying).await.map(drop).map_err(|error| match error {
            // No app waits for what an operator has to put back.
            KubeError::NotFound { .. } => EffectError::Refused(format!(
                "the namespace {namespace} is not there, which 'helm upgrade' makes: certificates have no other place"
            )),
            error => error.into(),
        })
    }

    /// Deletes the copies that no domain has any more.
    pub(super) async fn tidy_certificates(&self, grant: &Grant, routing: &Routing) -> Result<(), EffectError> {
        let Some(namespace) = &self.certificates else { return Ok(()) };
        let wanted = routing.certificates.values().map(|digest| secret_name(&grant.app, digest)).collect::<Vec<_>>();
        let strays = self.cache.read(&grant.app, |objects| {
            let strays = objects.copies.iter().filter(|(name, _)| !wanted.contains(name));
            strays.map(|(_, copy)| copy.seen.clone()).collect::<Vec<_>>()
        });
        let secrets = Api::<Secret>::namespaced(self.client.clone(), namespace);
        try_join_all(strays.iter().map(|seen| delete::seen(&secrets, seen, grant.fence))).await?;
        Ok(())
    }

    /// Deletes all copies of an app that is being destroyed, those included that no watch has told of yet.
    pub(super) async fn remove_certificates(&self, app: &AppName, fence: i64) -> Result<(), EffectError> {
        let Some(namespace) = &self.certificates else { return Ok(()) };
        let secrets = Api::<Secret>::namespaced(self.client.clone(), namespace);
        let selection = ListParams::default().labels(&format!("{},{}={app}", labels::OURS, labels::APP));
        let found = secrets.list_metadata(&selection).await.map_err(|error| {
            tracing::warn!(%app, %error, "the certificates of an app cannot be listed");
            EffectError::Unavailable(outage(&error))
        })?;
        let seen = found.iter().map(Seen::of).collect::<Vec<_>>();
        try_join_all(seen.iter().map(|seen| delete::seen(&secrets, seen, fence))).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use deis_api::Hostname;
    use kube::client::Body;
    use parking_lot::Mutex;
    use serde_json::json;

    use super::*;
    use crate::kubernetes::PullKey;

    fn app() -> AppName {
        "shop".parse().unwrap()
    }

    fn copy(chain: &str, key: &str) -> Secret {
        objects::certificate("deis-certificates", &app(), &digest(chain, key), chain, key)
    }

    fn kubernetes(cache: &Cache) -> Kubernetes {
        let client = Client::try_from(kube::Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
        let kubernetes = Kubernetes::new(client, cache.clone(), PullKey::from(b"key".to_vec()));
        kubernetes.with_certificates("deis-certificates".to_owned())
    }

    fn routing(certificates: &[(&str, &str)]) -> Routing {
        let domains = (1..).map(|number| format!("{number}.example.com").parse::<Hostname>().unwrap());
        let digests = certificates.iter().map(|(chain, key)| digest(chain, key));
        Routing { certificates: domains.zip(digests).collect(), ..Routing::default() }
    }

    #[tokio::test]
    async fn what_is_there_must_be_what_the_domains_have() {
        let cache = Cache::default();
        let kubernetes = kubernetes(&cache);
        let is_certified = |certificates: &[(&str, &str)]| kubernetes.is_certified(&app(), &routing(certificates));
        assert!(is_certified(&[]));
        assert!(!is_certified(&[("chain", "key")]), "it is not there");
        cache.take_copy(&app(), &copy("chain", "key"));
        assert!(is_certified(&[("chain", "key")]));
        assert!(is_certified(&[("chain", "key"), ("chain", "key")]), "one copy is enough for two domains");
        assert!(!is_certified(&[]), "a stray");
        assert!(!is_certified(&[("chain", "other")]), "another one's");
    }

    /// An API server that has nothing, and takes everything or knows no namespace; answers what it was asked.
    fn server(has_namespace: bool) -> (Kubernetes, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let asking = Arc::clone(&asked);
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let asking = Arc::clone(&asking);
            async move {
                let (head, body) = request.into_parts();
                asking.lock().push(format!("{} {}", head.method, head.uri.path()));
                let body = body.collect_bytes().await?;
                let missing = json!({ "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404 });
                let (status, answer) = match head.method.as_str() {
                    "POST" if has_namespace => (201, body.to_vec()),
                    "DELETE" => (200, json!({ "kind": "Status", "status": "Success" }).to_string().into_bytes()),
                    _ => (404, missing.to_string().into_bytes()),
                };
                Ok::<_, kube::Error>(http::Response::builder().status(status).body(Body::from(answer)).unwrap())
            }
        });
        let kubernetes = Kubernetes::new(Client::new(service, "x"), Cache::default(), PullKey::from(b"key".to_vec()));
        (kubernetes.with_certificates("deis-certificates".to_owned()), asked)
    }

    #[tokio::test]
    async fn copies_are_written_and_strays_deleted() {
        let (kubernetes, asked) = server(true);
        let grant = Grant { app: app(), fence: 3 };
        let (chain, key) = ("chain".to_owned(), "key".into());
        let texts = CertificateTexts { digest: digest("chain", "key"), chain, key };
        kubernetes.copy_certificates(&grant, std::slice::from_ref(&texts)).await.unwrap();
        let path = "/api/v1/namespaces/deis-certificates/secrets";
        let wanted = secret_name(&app(), &texts.digest);
        assert_eq!(std::mem::take(&mut *asked.lock()), [format!("GET {path}/{wanted}"), format!("POST {path}")]);

        let stray = copy("other", "key");
        for secret in [&copy("chain", "key"), &stray] {
            kubernetes.cache.take_copy(&app(), secret);
        }
        kubernetes.tidy_certificates(&grant, &routing(&[("chain", "key")])).await.unwrap();
        assert_eq!(std::mem::take(&mut *asked.lock()), [format!("DELETE {path}/{}", stray.name_any())]);
        // One that somebody has written since who took the app over.
        let mut newer = copy("third", "key");
        newer.annotations_mut().insert(labels::FENCE.to_owned(), "4".to_owned());
        kubernetes.cache.take_copy(&app(), &newer);
        let fenced = kubernetes.tidy_certificates(&grant, &Routing::default()).await.unwrap_err();
        assert!(matches!(fenced, EffectError::Changed), "{fenced:?}");
        assert!(!asked.lock().iter().any(|asked| asked.contains(&newer.name_any())));
    }

    #[tokio::test]
    async fn without_their_namespace_certificates_are_refused_and_hold_nobody_up() {
        let (kubernetes, _asked) = server(false);
        let (chain, key) = ("chain".to_owned(), "key".into());
        let texts = CertificateTexts { digest: digest("chain", "key"), chain, key };
        let refused = kubernetes.copy_certificates(&Grant { app: app(), fence: 3 }, &[texts]).await.unwrap_err();
        assert!(matches!(&refused, EffectError::Refused(why) if why.contains("deis-certificates")), "{refused:?}");
    }

    #[tokio::test]
    async fn what_somebody_has_changed_by_hand_is_seen_and_no_key_is_kept() {
        let cache = Cache::default();
        let kubernetes = kubernetes(&cache);
        let routing = routing(&[("chain", "key")]);
        let mut secret = copy("chain", "key");
        cache.take_copy(&app(), &secret);
        let generation = || cache.read(&app(), super::super::cache::Objects::generation);
        let before = generation();
        cache.take_copy(&app(), &secret);
        assert_eq!(generation(), before, "the same again is no change");
        secret.data.as_mut().unwrap().get_mut("tls.key").unwrap().0 = b"secret".to_vec();
        cache.take_copy(&app(), &secret);
        assert!(!kubernetes.is_certified(&app(), &routing) && generation() > before);
        assert!(!cache.read(&app(), |objects| format!("{objects:?}")).contains("secret"));
        secret.data = None;
        cache.take_copy(&app(), &secret);
        assert!(!kubernetes.is_certified(&app(), &routing));
    }
}
