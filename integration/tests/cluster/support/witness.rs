//! Asks everybody who knows something of an app; [`disagreements`] compares what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::{Duration, Instant};

use deis_integration::agreement::{Acknowledged, Answer, Build, Facts, Ledger, Release, disagreements};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{Api, ListParams};
use kube::{Client as Kubernetes, Config, ResourceExt as _};
use reqwest::{Client, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::forward::Forward;
use super::platform::NAMESPACE;
use super::{is_ready, storage, workload};

/// Where a router's pod listens for HTTP.
const ROUTER_PORT: u16 = 8080;

/// How long an app may take to come to rest.
const LIMIT: Duration = Duration::from_secs(120);

/// What somebody said, or why he cannot be heard.
pub(super) type Said<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Sees the whole platform.
pub(crate) struct Witness {
    pub(crate) client: Kubernetes,
    /// The platform's domain.
    pub(crate) domain: String,
    /// An administrator's, made when it is first needed: logging in costs a password hash.
    token: OnceCell<String>,
}

impl Witness {
    pub(crate) fn new(client: Kubernetes, domain: String) -> Self {
        Self { client, domain, token: OnceCell::new() }
    }

    pub(crate) async fn connect() -> Self {
        // An error means that another test has installed it.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        assert!(std::env::var_os("KUBECONFIG").is_some(), "these tests need an installed platform: run `make test`");
        let config = Config::infer().await.unwrap();
        let client = Kubernetes::try_from(config).unwrap();
        let domain = std::env::var("DEIS_DOMAIN").unwrap_or_else(|_absent| "apps.localhost".to_owned());
        Self::new(client, domain)
    }

    /// Waits until everybody agrees about an app; fails with what they disagree about.
    pub(crate) async fn agree(&self, app: &str, acknowledged: &Acknowledged) {
        let start = Instant::now();
        loop {
            // Whoever does not answer yet is asked again.
            let found = match self.facts(app, acknowledged).await {
                Ok(facts) => disagreements(&facts),
                Err(error) => vec![format!("nobody can tell: {error}")],
            };
            if found.is_empty() {
                return;
            }
            assert!(start.elapsed() < LIMIT, "after {LIMIT:?} they disagree about {app}:\n{}", found.join("\n"));
        }
    }

    /// What everybody says now.
    pub(crate) async fn facts(&self, app: &str, acknowledged: &Acknowledged) -> Said<Facts> {
        let ledger = self.ledger(app).await?;
        let (images, commits) = ledger.as_ref().map(kept).unwrap_or_default();
        Ok(Facts {
            app: app.to_owned(),
            ledger,
            cluster: workload::cluster(&self.client, app).await?,
            repository: storage::repository(&self.own(), app, commits).await?,
            registry: storage::registry(&self.own(), &self.own(), app, images).await?,
            answers: self.answers(app).await?,
            acknowledged: acknowledged.clone(),
        })
    }

    async fn ledger(&self, app: &str) -> Said<Option<Ledger>> {
        let Some(shown) = self.ask(&format!("apps/{app}/")).await? else { return Ok(None) };
        let config = self.ask(&format!("apps/{app}/config/")).await?.ok_or("the app has no config")?;
        let settings = self.ask(&format!("apps/{app}/settings/")).await?.ok_or("the app has no settings")?;
        let releases = self.all(&format!("apps/{app}/releases/")).await?;
        let builds = self.all(&format!("apps/{app}/builds/")).await?;
        let domains = self.all(&format!("apps/{app}/domains/")).await?;
        let release = |release: &Value| {
            let build = release.get("build").and_then(Value::as_str).map(ToOwned::to_owned);
            let failed = release.get("failed").and_then(Value::as_bool).unwrap();
            (release.get("version").and_then(Value::as_u64).unwrap(), Release { failed, build })
        };
        let build =
            |build: &Value| (text(build, "uuid"), Build { image: text(build, "image"), sha: text(build, "sha") });
        Ok(Some(Ledger {
            structure: map(&shown, "structure"),
            autoscale: map(&settings, "autoscale").into_iter().map(bounds).collect(),
            domains: domains.iter().map(|domain| text(domain, "domain")).collect(),
            releases: releases.iter().map(release).collect(),
            builds: builds.iter().map(build).collect(),
            config: map(&config, "values"),
        }))
    }

    /// All pages of a list.
    async fn all(&self, path: &str) -> Said<Vec<Value>> {
        let mut items = Vec::new();
        loop {
            let page = self.ask(&format!("{path}?limit=100&offset={}", items.len())).await?;
            let page = page.ok_or("the app has just gone")?;
            items.extend(page.get("results").and_then(Value::as_array).unwrap().iter().cloned());
            if page.get("next").unwrap().is_null() {
                return Ok(items);
            }
        }
    }

    /// Asks the API; none when it says that there is no such thing.
    async fn ask(&self, path: &str) -> Said<Option<Value>> {
        let token = self.token.get_or_try_init(|| self.log_in()).await?;
        let url = format!("http://deis.{}/v2/{path}", self.domain);
        let request = Client::new().get(&url).header("Authorization", format!("token {token}"));
        let answer = request.send().await?;
        if answer.status() == StatusCode::NOT_FOUND
            && answer.headers().get("deis-error-code").is_none_or(|code| code == "not-found")
        {
            return Ok(None);
        }
        Ok(Some(answer.error_for_status()?.json().await?))
    }

    async fn log_in(&self) -> Said<String> {
        let account = self.own::<Secret>().get("deis-admin").await?.data.unwrap_or_default();
        let account = account.iter().map(|(key, value)| (key, String::from_utf8_lossy(&value.0)));
        let account = account.collect::<BTreeMap<_, _>>();
        let url = format!("http://deis.{}/v2/auth/login/", self.domain);
        let answer = Client::new().post(url).json(&account).send().await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        Ok(text(&answer, "token"))
    }

    /// What each router says to a request for the app.
    async fn answers(&self, app: &str) -> Said<BTreeMap<String, Answer>> {
        let pods = self.own::<Pod>();
        let routers = pods.list(&ListParams::default().labels("app=deis-router")).await?;
        let mut answers = BTreeMap::new();
        for router in routers.iter().filter(|router| is_ready(router) && router.metadata.deletion_timestamp.is_none()) {
            let forward = Forward::to(pods.clone(), &router.name_any(), ROUTER_PORT).await;
            let request = Client::new().get(&forward.url).header("Host", format!("{app}.{}", self.domain));
            let answer = request.send().await?;
            let code = answer.headers().get("deis-error-code").map(|code| code.to_str().unwrap().to_owned());
            answers.insert(router.name_any(), Answer { status: answer.status().as_u16(), code });
        }
        Ok(answers)
    }

    /// Objects of one kind of the platform itself.
    fn own<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn map<T: DeserializeOwned>(value: &Value, key: &str) -> BTreeMap<String, T> {
    serde_json::from_value(value.get(key).unwrap().clone()).unwrap()
}

/// The least and the most replicas that an autoscaler may set.
fn bounds((kind, rule): (String, Value)) -> (String, (u32, u32)) {
    let number = |key: &str| rule.get(key).and_then(Value::as_u64).unwrap().try_into().unwrap();
    (kind, (number("min"), number("max")))
}

/// Digests and commits that the releases name.
fn kept(ledger: &Ledger) -> (BTreeSet<String>, BTreeSet<String>) {
    let digest = |build: &Build| build.image.rsplit_once('@').map(|(_, digest)| digest.to_owned());
    let images = ledger.builds.values().filter_map(digest).collect();
    let commits = ledger.builds.values().map(|build| build.sha.clone()).filter(|sha| !sha.is_empty()).collect();
    (images, commits)
}
