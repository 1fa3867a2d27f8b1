//! A real CNCF registry on an address of its own; gone with its handle.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU8, Ordering};

use deis_bootstrap::deadline;
use deis_oci::Digest;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::PATIENCE;

const USERNAME: &str = "builder";
const PASSWORD: &str = "registry-password";
/// bcrypt of [`PASSWORD`] at the lowest cost.
const HTPASSWD: &str = "builder:$2b$05$abcdefghijklmnopqrstuux7DVfxfgfXTmp/9Tsk6HzX2QQGjxePG\n";

pub(crate) struct Cncf {
    _folder: TempDir,
    pub(crate) address: SocketAddr,
    has_password: bool,
    _process: Child,
}

impl Cncf {
    /// One that asks for a password.
    pub(crate) async fn start() -> Self {
        Self::start_with(true).await
    }

    /// One that anybody may read and write.
    pub(crate) async fn open() -> Self {
        Self::start_with(false).await
    }

    async fn start_with(has_password: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let path = |name: &str| folder.path().join(name);
        // The rest is what the platform's own registry is set to.
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../images/files/registry/config.yml");
        assert!(std::fs::read_to_string(shipped).unwrap().contains("delete:\n    enabled: true\n"));
        let auth = match has_password {
            true => format!("auth: {{ htpasswd: {{ realm: registry, path: {} }} }}\n", path("htpasswd").display()),
            false => String::new(),
        };
        let config = format!(
            "version: 0.1\n\
             log: {{ level: info, accesslog: {{ disabled: true }} }}\n\
             storage: {{ filesystem: {{ rootdirectory: {data} }}, delete: {{ enabled: true }} }}\n\
             http: {{ addr: \"{address}\" }}\n{auth}",
            data = path("data").display(),
        );
        std::fs::write(path("config.yml"), config).unwrap();
        std::fs::write(path("htpasswd"), HTPASSWD).unwrap();
        let process = run(&path("config.yml")).await;
        Self { _folder: folder, address, has_password, _process: process }
    }

    /// What a builder is told to use it.
    pub(crate) fn arguments(&self) -> Vec<String> {
        vec![
            format!("--registry=http://{}", self.address),
            format!("--registry-username={USERNAME}"),
            format!("--registry-password={PASSWORD}"),
        ]
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Vec<u8>) {
        let accept = "application/vnd.oci.image.manifest.v1+json";
        let request = Client::new().get(format!("http://{}/v2/{path}", self.address)).header("accept", accept);
        let response = self.authorized(request).send().await.unwrap();
        (response.status(), response.bytes().await.unwrap().to_vec())
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.get(path).await.1).unwrap()
    }

    /// Writes a blob; its digest.
    pub(crate) async fn put_blob(&self, repository: &str, content: &[u8]) -> String {
        let digest = Digest::of(content).to_string();
        let start = Client::new().post(format!("http://{}/v2/{repository}/blobs/uploads/", self.address));
        let started = self.authorized(start).send().await.unwrap();
        assert_eq!(started.status(), StatusCode::ACCEPTED);
        let location = started.headers()["location"].to_str().unwrap().to_owned();
        let put = Client::new().put(format!("{location}&digest={digest}")).body(content.to_vec());
        assert_eq!(self.authorized(put).send().await.unwrap().status(), StatusCode::CREATED);
        digest
    }

    /// Writes a manifest or an index under a tag; its digest.
    pub(crate) async fn put_manifest(&self, repository: &str, tag: &str, manifest: &Value) -> String {
        let url = format!("http://{}/v2/{repository}/manifests/{tag}", self.address);
        let body = serde_json::to_vec(manifest).unwrap();
        let digest = Digest::of(&body).to_string();
        let put = Client::new().put(url).header("content-type", manifest["mediaType"].as_str().unwrap()).body(body);
        let response = self.authorized(put).send().await.unwrap();
        let status = response.status();
        assert_eq!(status, StatusCode::CREATED, "{}", response.text().await.unwrap());
        digest
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        if self.has_password { request.basic_auth(USERNAME, Some(PASSWORD)) } else { request }
    }
}

/// Starts it; returns when it says that it listens.
async fn run(config: &Path) -> Child {
    #[expect(clippy::disallowed_methods, reason = "a test fixture: fixed program, no user's text")]
    let mut process = Command::new(program())
        .arg("serve")
        .arg(config)
        .env_clear()
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
    let listening = async {
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains("listening on") {
                return true;
            }
        }
        false
    };
    assert!(deadline(PATIENCE, listening).await.unwrap(), "the registry ended instead of listening");
    #[expect(clippy::disallowed_methods, reason = "a test fixture: the pipe must not fill up")]
    tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
    process
}

/// A port on a loopback address that only this registry of this process uses.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let address = IpAddr::V4(Ipv4Addr::new(127, 1 + (high ^ middle) % 254, low, NEXT.fetch_add(1, Ordering::Relaxed)));
    TcpListener::bind((address, 0)).unwrap().local_addr().unwrap()
}

/// The registry as the `upstream` module builds it: in `DEIS_UPSTREAM`, else in the newest folder of the cache.
fn program() -> PathBuf {
    let folder = std::env::var_os("DEIS_UPSTREAM").map(PathBuf::from).or_else(newest_upstream);
    let program = folder.unwrap_or_default().join("registry");
    assert!(program.is_file(), "there is no registry at {}: run `make upstream`", program.display());
    program
}

fn newest_upstream() -> Option<PathBuf> {
    let cache = std::env::var_os("DEIS_CACHE").map(PathBuf::from);
    let home = || Some(Path::new(&std::env::var_os("HOME")?).join(".cache/deis"));
    let folders = std::fs::read_dir(cache.or_else(home)?.join("upstream")).ok()?;
    let dated = folders.filter_map(|folder| {
        let folder = folder.ok()?;
        Some((folder.metadata().ok()?.modified().ok()?, folder.path()))
    });
    dated.max().map(|(_, folder)| folder)
}
