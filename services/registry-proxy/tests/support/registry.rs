//! A real CNCF registry on an address of its own, with a password; gone with its handle.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use deis_bootstrap::deadline;
use reqwest::{Body, Client, StatusCode};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

pub const USERNAME: &str = "builder";
pub const PASSWORD: &str = "registry-password";
/// bcrypt of [`PASSWORD`] at the lowest cost.
const HTPASSWD: &str = "builder:$2b$05$abcdefghijklmnopqrstuux7DVfxfgfXTmp/9Tsk6HzX2QQGjxePG\n";
const START_LIMIT: Duration = Duration::from_secs(60);

pub struct Registry {
    folder: TempDir,
    pub address: SocketAddr,
    process: Option<Child>,
}

impl Registry {
    pub async fn start() -> Self {
        let mut registry = Self { folder: tempfile::tempdir().unwrap(), address: free_address(), process: None };
        let path = |name: &str| registry.folder.path().join(name);
        let config = format!(
            "version: 0.1\n\
             log: {{ level: info, accesslog: {{ disabled: true }} }}\n\
             storage: {{ filesystem: {{ rootdirectory: {data} }} }}\n\
             http: {{ addr: \"{address}\" }}\n\
             auth: {{ htpasswd: {{ realm: registry, path: {htpasswd} }} }}\n",
            data = path("data").display(),
            address = registry.address,
            htpasswd = path("htpasswd").display(),
        );
        std::fs::write(path("config.yml"), config).unwrap();
        std::fs::write(path("htpasswd"), HTPASSWD).unwrap();
        registry.start_again().await;
        registry
    }

    pub async fn stop(&mut self) {
        self.process.take().unwrap().kill().await.unwrap();
    }

    /// Starts on the same data and address; returns when it says that it listens.
    pub async fn start_again(&mut self) {
        #[expect(clippy::disallowed_methods, reason = "a test fixture: fixed program, no user's text")]
        let mut process = Command::new(program())
            .arg("serve")
            .arg(self.folder.path().join("config.yml"))
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
        assert!(deadline(START_LIMIT, listening).await.unwrap(), "the registry ended instead of listening");
        #[expect(clippy::disallowed_methods, reason = "a test fixture: the pipe must not fill up")]
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        self.process = Some(process);
    }

    /// Writes a blob; returns its digest.
    pub async fn push_blob(&self, app: &str, content: &[u8]) -> String {
        let digest = digest(content);
        self.push_stream(app, &digest, content.len() as u64, content.to_vec().into()).await;
        digest
    }

    pub async fn push_stream(&self, app: &str, digest: &str, length: u64, body: Body) {
        let client = Client::new();
        let start = format!("http://{}/v2/{app}/blobs/uploads/", self.address);
        let started = client.post(start).basic_auth(USERNAME, Some(PASSWORD)).send().await.unwrap();
        assert_eq!(started.status(), StatusCode::ACCEPTED);
        let location = started.headers()["location"].to_str().unwrap().to_owned();
        let put = client.put(format!("{location}&digest={digest}")).basic_auth(USERNAME, Some(PASSWORD));
        let written = put.header("content-length", length).body(body).send().await.unwrap();
        assert_eq!(written.status(), StatusCode::CREATED);
    }

    /// Writes an image of one layer under the tag "latest"; returns its manifest and the manifest's digest.
    pub async fn push_image(&self, app: &str, layer: &[u8]) -> (String, String) {
        let layer_digest = self.push_blob(app, layer).await;
        let config_digest = self.push_blob(app, b"{}").await;
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config_digest}","size":2}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{layer_digest}","size":{}}}]}}"#,
            layer.len()
        );
        let url = format!("http://{}/v2/{app}/manifests/latest", self.address);
        let put = Client::new().put(url).basic_auth(USERNAME, Some(PASSWORD)).header("content-type", MANIFEST);
        assert_eq!(put.body(manifest.clone()).send().await.unwrap().status(), StatusCode::CREATED);
        let digest = digest(manifest.as_bytes());
        (manifest, digest)
    }
}

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub fn digest(content: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(content)))
}

/// A port on a loopback address that only this registry of this process uses, so that it stays free while the registry is down.
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
