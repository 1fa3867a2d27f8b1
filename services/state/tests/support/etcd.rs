//! A real etcd of one member, on addresses of its own, with certificates on both sides; gone with its handle.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use deis_bootstrap::deadline;
use deis_state::config::EtcdConfig;
use deis_state::store::{Revision, etcd};
use etcd_client::{Certificate, Client, ConnectOptions, Identity, TlsOptions};
use tempfile::TempDir;
use tokio::net::UnixDatagram;

use super::World;
use super::authority::Authority;

const START_LIMIT: Duration = Duration::from_secs(60);

pub struct Etcd {
    folder: TempDir,
    /// Where the store under test looks for it.
    home: SocketAddr,
    /// Where it listens.
    client: SocketAddr,
    peer: SocketAddr,
    process: Option<Child>,
    store: etcd::Etcd,
}

impl Etcd {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (client, peer) = free_addresses();
        Authority::new().certify_address(client.ip(), &folder.path().join("tls"));
        let store = etcd::Etcd::open(config(client, &folder)).await.unwrap();
        let mut etcd = Self { folder, home: client, client, peer, process: None, store };
        etcd.start_again().await;
        etcd
    }

    pub fn config(&self) -> EtcdConfig {
        config(self.home, &self.folder)
    }

    /// Gives new certificates of a new authority to etcd and its clients; etcd reads them when it starts.
    pub fn certify_anew(&self) {
        Authority::new().certify_address(self.home.ip(), &self.folder.path().join("tls"));
    }

    /// Kills it, does something to its data where the store under test cannot see it, and brings it back.
    pub async fn while_out_of_reach(&mut self, act: impl AsyncFnOnce(Client)) {
        self.kill();
        self.client = TcpListener::bind((self.home.ip(), 0)).unwrap().local_addr().unwrap();
        self.start_again().await;
        act(self.raw().await).await;
        self.kill();
        self.client = self.home;
        self.start_again().await;
    }

    /// As the kernel does when memory runs out: nothing is said, nothing is finished.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts on the same data and addresses; returns when etcd says that it is ready.
    pub async fn start_again(&mut self) {
        let path = |name: &str| self.folder.path().join(name);
        let ready_socket = path("ready");
        drop(std::fs::remove_file(&ready_socket));
        let ready = UnixDatagram::bind(&ready_socket).unwrap();

        let flag = |name: &str, value: &dyn std::fmt::Display| format!("--{name}={value}");
        #[expect(clippy::disallowed_methods, reason = "a test fixture: fixed program, no user's text")]
        let process = Command::new(program())
            .args([
                flag("data-dir", &path("data").display()),
                flag("listen-client-urls", &format!("https://{}", self.client)),
                flag("advertise-client-urls", &format!("https://{}", self.client)),
                flag("listen-peer-urls", &format!("http://{}", self.peer)),
                flag("initial-advertise-peer-urls", &format!("http://{}", self.peer)),
                flag("initial-cluster", &format!("default=http://{}", self.peer)),
                flag("cert-file", &path("tls/tls.crt").display()),
                flag("key-file", &path("tls/tls.key").display()),
                flag("trusted-ca-file", &path("tls/ca.crt").display()),
                "--client-cert-auth=true".to_owned(),
                // Tests hold no data that must survive the machine.
                "--unsafe-no-fsync=true".to_owned(),
            ])
            .env_clear()
            .env("NOTIFY_SOCKET", &ready_socket)
            .stdout(File::create(path("stdout")).unwrap())
            .stderr(File::create(path("stderr")).unwrap())
            .spawn()
            .unwrap();
        self.process = Some(process);

        let mut message = [0; 64];
        let told = deadline(START_LIMIT, ready.recv(&mut message)).await;
        let log = || std::fs::read_to_string(path("stderr")).unwrap_or_default();
        told.unwrap_or_else(|late| panic!("etcd is not ready: {late}\n{}", log())).unwrap();
    }

    /// etcd itself, without the store.
    pub async fn raw(&self) -> Client {
        let read = |name: &str| std::fs::read(self.folder.path().join("tls").join(name)).unwrap();
        let tls = TlsOptions::new()
            .ca_certificate(Certificate::from_pem(read("ca.crt")))
            .identity(Identity::from_pem(read("tls.crt"), read("tls.key")));
        let options = ConnectOptions::new().with_tls(tls);
        Client::connect([format!("https://{}", self.client)], Some(options)).await.unwrap()
    }
}

impl World for Etcd {
    type Store = etcd::Etcd;

    fn store(&self) -> etcd::Etcd {
        self.store.clone()
    }

    async fn compact(&self, revision: Revision) {
        self.raw().await.compact(revision.0, None).await.unwrap();
    }

    fn pass(&self, _time: Duration) {}
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.kill();
    }
}

fn config(client: SocketAddr, folder: &TempDir) -> EtcdConfig {
    EtcdConfig { endpoints: vec![format!("https://{client}")], tls: folder.path().join("tls") }
}

/// Two ports on a loopback address that only this etcd of this process uses, so that they stay free while etcd is down.
fn free_addresses() -> (SocketAddr, SocketAddr) {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let address = IpAddr::V4(Ipv4Addr::new(127, 1 + (high ^ middle) % 254, low, NEXT.fetch_add(1, Ordering::Relaxed)));
    let bind = || TcpListener::bind((address, 0)).unwrap();
    let (client, peer) = (bind(), bind());
    (client.local_addr().unwrap(), peer.local_addr().unwrap())
}

/// etcd as the `upstream` module builds it: in `DEIS_UPSTREAM`, else in the newest folder of the cache.
fn program() -> PathBuf {
    let folder = std::env::var_os("DEIS_UPSTREAM").map(PathBuf::from).or_else(newest_upstream);
    let program = folder.unwrap_or_default().join("etcd");
    assert!(program.is_file(), "there is no etcd at {}: run `make upstream`", program.display());
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
