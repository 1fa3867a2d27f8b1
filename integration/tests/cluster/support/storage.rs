//! What is kept of an app besides the ledger: its commits and its images.

use std::collections::{BTreeMap, BTreeSet};

use deis_integration::agreement::{Image, Repository};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use reqwest::{Client as Http, Method, Response, StatusCode};
use serde_json::Value;

use super::forward::{Forward, exec};
use super::is_ready;
use super::witness::Said;

/// The manifests that images of ours have.
const MANIFESTS: &str =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// The builders' repository of an app, and which of these commits it has.
pub(super) async fn repository(pods: &Api<Pod>, app: &str, commits: BTreeSet<String>) -> Said<Option<Repository>> {
    let folder = format!("--git-dir=/var/lib/deis/builder/repositories/{app}.git");
    let builders = pods.list(&ListParams::default().labels("app=deis-builder")).await?;
    let Some(builder) = builders.iter().find(|pod| is_ready(pod)).map(ResourceExt::name_any) else {
        return Err("no builder is ready".to_owned().into());
    };
    let git = async |arguments: &[&str]| exec(pods, &builder, &[&["git", folder.as_str()], arguments].concat()).await;
    let refs = match git(&["for-each-ref", "--format=%(refname) %(objectname)"]).await {
        Ok(refs) => refs,
        Err(said) if said.contains("not a git repository") => return Ok(None),
        Err(said) => return Err(format!("the repository of {app} cannot be looked at: {said}").into()),
    };
    let refs = refs.lines().filter_map(|line| line.split_once(' '));
    let refs = refs.map(|(name, commit)| (name.to_owned(), commit.to_owned())).collect();
    let mut found = BTreeSet::new();
    for commit in commits {
        // One is there with everything it leads to, or it is not there.
        match git(&["rev-list", "--objects", "--quiet", &commit]).await {
            Ok(_nothing) => drop(found.insert(commit)),
            Err(said) if said.contains("bad object") || said.contains("missing") => {}
            Err(said) => return Err(format!("commit {commit} of {app} cannot be looked for: {said}").into()),
        }
    }
    Ok(Some(Repository { refs, commits: found }))
}

/// Those of the app's images that the registry has, whether the ledger knows of them or not.
pub(super) async fn registry(
    pods: &Api<Pod>,
    secrets: &Api<Secret>,
    app: &str,
    known: BTreeSet<String>,
) -> Said<BTreeMap<String, Image>> {
    let registry = Registry::open(pods, secrets, app).await?;
    let mut images = BTreeMap::new();
    for name in known.into_iter().chain(registry.tags().await?) {
        if let Some((digest, image)) = registry.image(&name).await? {
            images.insert(digest, image);
        }
    }
    Ok(images)
}

/// The registry's own door, with the builder's credentials.
struct Registry<'a> {
    forward: Forward,
    http: Http,
    username: String,
    password: String,
    app: &'a str,
}

impl<'a> Registry<'a> {
    async fn open(pods: &Api<Pod>, secrets: &Api<Secret>, app: &'a str) -> Said<Self> {
        let credentials = secrets.get("deis-registry-creds").await?.data.unwrap_or_default();
        let text = |key: &str| String::from_utf8(credentials.get(key).unwrap().0.clone()).unwrap();
        let forward = Forward::to(pods.clone(), "deis-registry-0", 5000).await;
        Ok(Self { forward, http: Http::new(), username: text("username"), password: text("password"), app })
    }

    async fn ask(&self, method: Method, path: &str) -> Said<Response> {
        let url = format!("{}/v2/{}/{path}", self.forward.url, self.app);
        let request = self.http.request(method, url).header("Accept", MANIFESTS);
        request.basic_auth(&self.username, Some(&self.password)).send().await.map_err(Into::into)
    }

    async fn tags(&self) -> Said<Vec<String>> {
        let answer = self.ask(Method::GET, "tags/list").await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(Vec::new());
        }
        let list: Value = answer.error_for_status()?.json().await?;
        let tags = list.get("tags").and_then(Value::as_array).into_iter().flatten();
        Ok(tags.filter_map(|tag| tag.as_str().map(ToOwned::to_owned)).collect())
    }

    async fn image(&self, name: &str) -> Said<Option<(String, Image)>> {
        let answer = self.ask(Method::GET, &format!("manifests/{name}")).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = answer.error_for_status()?;
        let digest = answer.headers().get("docker-content-digest").unwrap().to_str().unwrap().to_owned();
        let manifest: Value = answer.json().await?;
        let layers = manifest.get("layers").and_then(Value::as_array).into_iter().flatten();
        let blobs = layers.chain(manifest.get("config")).filter_map(|blob| blob.get("digest")?.as_str());
        let mut image = Image::default();
        for blob in blobs {
            let answer = self.ask(Method::HEAD, &format!("blobs/{blob}")).await?;
            if answer.status() == StatusCode::NOT_FOUND {
                image.missing.insert(blob.to_owned());
            } else {
                answer.error_for_status()?;
            }
        }
        Ok(Some((digest, image)))
    }
}
