use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use deis_bootstrap::deadline;
use deis_oci::{Compression, Digest, Layer, LayerPath, LayerWriter, Meta, Owner};
use k8s_openapi::api::apps::v1::Deployment;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{MACHINE, Platform};

const LIMIT: Duration = Duration::from_secs(30);

/// Who may read and write the registry that asks.
pub(crate) const USERNAME: &str = "builder";
pub(crate) const PASSWORD: &str = "registry-password";
/// bcrypt of [`PASSWORD`] at the lowest cost.
const HTPASSWD: &str = "builder:$2b$05$abcdefghijklmnopqrstuux7DVfxfgfXTmp/9Tsk6HzX2QQGjxePG\n";

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

const REPOSITORY: &str = "team/web";

/// Where the program of [`Image`] listens.
pub(crate) const PORT: u16 = 8080;

/// A real CNCF registry outside the platform, where pods reach this machine; gone with its handle.
pub(crate) struct Registry {
    address: String,
    asks: bool,
    /// The layer of the program that all images run.
    program: Layer,
    _folder: TempDir,
    _process: Child,
}

/// What an image says of itself. Its program is the registry's own: it stands alone, is no root, and shows the image's tag in a
/// header.
#[derive(Clone, Copy)]
pub(crate) struct Image<'a> {
    pub(crate) architecture: &'a str,
    /// `web` has the number 1001 in it.
    pub(crate) user: &'a str,
    pub(crate) exposes: bool,
}

impl Default for Image<'_> {
    fn default() -> Self {
        Self { architecture: here(), user: "1000", exposes: true }
    }
}

impl Registry {
    /// One that anybody may read: the first of the two that the platform may ask.
    pub(crate) async fn open(platform: &Platform) -> Self {
        Self::start(allowed(platform, 0).await, false).await
    }

    /// One that asks who is there: the second.
    pub(crate) async fn closed(platform: &Platform) -> Self {
        Self::start(allowed(platform, 1).await, true).await
    }

    async fn start(address: String, asks: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let auth = match asks {
            true => format!("auth: {{ htpasswd: {{ realm: registry, path: {} }} }}\n", path("htpasswd").display()),
            false => String::new(),
        };
        let data = path("data");
        let config = format!(
            "version: 0.1\n\
             log: {{ level: info, accesslog: {{ disabled: true }} }}\n\
             storage: {{ filesystem: {{ rootdirectory: {} }} }}\n\
             http: {{ addr: \"{address}\" }}\n{auth}",
            data.display(),
        );
        std::fs::write(path("config.yml"), config).unwrap();
        std::fs::write(path("htpasswd"), HTPASSWD).unwrap();
        let process = run(&path("config.yml")).await;
        let (program, blob) = layer(&[("registry", true, &std::fs::read(program()).unwrap())]);
        let registry = Self { address, asks, program, _folder: folder, _process: process };
        registry.put_blob(blob).await;
        registry
    }

    /// Writes an image under a tag; its digest.
    pub(crate) async fn push(&self, tag: &str, image: Image<'_>) -> Digest {
        let settings = format!(
            "version: 0.1\nlog: {{ level: warn }}\nstorage: {{ inmemory: {{}} }}\n\
             http: {{ addr: \":{PORT}\", headers: {{ Image: [{tag}] }} }}\n"
        );
        let passwd = "root:x:0:0::/root:/bin/sh\nweb:x:1001:1001::/:/bin/sh\n";
        let (files, blob) =
            layer(&[("config.yml", false, settings.as_bytes()), ("etc/passwd", false, passwd.as_bytes())]);
        self.put_blob(blob).await;
        let layers = [self.program, files];
        let ports = if image.exposes { json!({ format!("{PORT}/tcp"): {} }) } else { json!(null) };
        let run = json!({ "User": image.user, "ExposedPorts": ports, "Env": ["OTEL_TRACES_EXPORTER=none"],
            "Entrypoint": ["/registry"], "Cmd": ["serve", "/config.yml"] });
        let config = json!({ "os": "linux", "architecture": image.architecture, "config": run,
            "rootfs": { "type": "layers", "diff_ids": layers.map(|layer| layer.diff_id.to_string()) } });
        let config = serde_json::to_vec(&config).unwrap();
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST,
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": Digest::of(&config).to_string(), "size": config.len() },
            "layers": layers.map(|layer| layer.descriptor()) });
        self.put_blob(config).await;
        self.put_manifest(tag, &manifest).await
    }

    /// "198.18.0.1:…/team/web:tag", or with "@" before a digest.
    pub(crate) fn name(&self, end: &str) -> String {
        format!("{}/{REPOSITORY}{end}", self.address)
    }

    async fn put_blob(&self, content: Vec<u8>) {
        let digest = Digest::of(&content);
        let start = Client::new().post(format!("http://{}/v2/{REPOSITORY}/blobs/uploads/", self.address));
        let started = self.authorized(start).send().await.unwrap();
        assert_eq!(started.status(), StatusCode::ACCEPTED);
        let location = started.headers().get("location").unwrap().to_str().unwrap();
        let put = Client::new().put(format!("{location}&digest={digest}")).body(content);
        assert_eq!(self.authorized(put).send().await.unwrap().status(), StatusCode::CREATED);
    }

    async fn put_manifest(&self, tag: &str, manifest: &Value) -> Digest {
        let body = serde_json::to_vec(manifest).unwrap();
        let digest = Digest::of(&body);
        let put = Client::new().put(format!("http://{}/v2/{REPOSITORY}/manifests/{tag}", self.address));
        let put = put.header("content-type", MANIFEST).body(body);
        let response = self.authorized(put).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        digest
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        if self.asks { request.basic_auth(USERNAME, Some(PASSWORD)) } else { request }
    }
}

/// One of the registries on this machine that the platform was told of when it was installed.
async fn allowed(platform: &Platform, number: usize) -> String {
    let builder = platform.own::<Deployment>().get("deis-builder").await.unwrap();
    let builder = builder.spec.and_then(|spec| spec.template.spec).unwrap();
    let variables = builder.containers.into_iter().flat_map(|container| container.env.unwrap_or_default());
    let allowed = variables.filter(|variable| variable.name == "DEIS_PULL_REGISTRIES").find_map(|found| found.value);
    let allowed = allowed.unwrap_or_default();
    let registries = allowed.split(',').filter_map(|registry| registry.strip_prefix("http://"));
    let ours = registries.filter(|registry| registry.starts_with(MACHINE)).nth(number);
    ours.expect("scripts/test tells the platform of two registries on this machine").to_owned()
}

/// Starts the registry; returns when it says that it listens.
async fn run(config: &Path) -> Child {
    #[expect(clippy::disallowed_methods, reason = "a test fixture: fixed program, no user's text")]
    let mut process = Command::new(program())
        .arg("serve")
        .arg(config)
        .env_clear()
        .env("OTEL_TRACES_EXPORTER", "none")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut seen = Vec::new();
    let listening = async {
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains("listening on") {
                return true;
            }
            seen.push(line);
        }
        false
    };
    let listens = deadline(LIMIT, listening).await.unwrap();
    assert!(listens, "the registry ended instead of listening: {seen:#?}");
    #[expect(clippy::disallowed_methods, reason = "a test fixture: the pipe must not fill up")]
    tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
    process
}

fn program() -> PathBuf {
    PathBuf::from(std::env::var_os("DEIS_UPSTREAM").expect("run `make test`")).join("registry")
}

/// A layer of files: path, whether it is a program, content.
fn layer(files: &[(&str, bool, &[u8])]) -> (Layer, Vec<u8>) {
    let mut layer = LayerWriter::new(Vec::new(), Compression::None);
    for (path, is_program, content) in files {
        let meta = Meta::file(Owner::ROOT, *is_program);
        layer.file(&LayerPath::parse(path).unwrap(), meta, content.len() as u64, *content).unwrap();
    }
    layer.finish().unwrap()
}

/// What the node is.
pub(crate) fn here() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

/// What it is not.
pub(crate) fn elsewhere() -> &'static str {
    if cfg!(target_arch = "aarch64") { "amd64" } else { "arm64" }
}
