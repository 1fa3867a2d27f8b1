use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::cluster::DOMAIN;
use crate::http::is_ready;
use crate::pki::Pki;
use crate::process::{Process, Processors, until};

/// The program that is shipped, as a process of its own.
pub(crate) struct Router {
    pub(crate) process: Process,
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    /// From its start until it said that it was ready.
    pub(crate) took: Duration,
    table: PathBuf,
}

/// How routers are started.
pub(crate) struct Routers<'a> {
    pub(crate) program: &'a Path,
    pub(crate) folder: &'a Path,
    pub(crate) pki: &'a Pki,
}

impl Routers<'_> {
    /// Returns when it is ready. `host` is the last byte of its address; what it has saved there before is still there.
    pub(crate) async fn start(&self, host: u8, kubeconfig: &str) -> Router {
        let address = |port: u16| SocketAddr::from(([198, 18, 0, host], port));
        let (http, https, admin) = (address(80), address(443), address(9090));
        let table = self.folder.join(format!("router-{host}/table.json"));
        let mut router = Process::on(Processors::Measured, self.program.to_str().unwrap());
        router.arg("--http-address").arg(http.to_string()).arg("--https-address").arg(https.to_string());
        router
            .arg("--git-address")
            .arg(address(2222).to_string())
            .arg("--grpc-address")
            .arg(address(50051).to_string());
        router.arg("--admin-address").arg(admin.to_string()).args(["--domain", DOMAIN]).arg("--table-file").arg(&table);
        router.arg("--certificates-file").arg(table.with_file_name("certificates.json"));
        router.arg("--tls-folder").arg(self.pki.service("router"));
        router.arg("--platform-cert-folder").arg(self.pki.path("platform"));
        router.env("KUBECONFIG", kubeconfig);
        let start = Instant::now();
        let process = Process::start(&mut router, &self.folder.join(format!("router-{host}.log")));
        until("a router is ready", async || is_ready(admin)).await;
        Router { process, http, https, took: start.elapsed(), table }
    }
}

impl Router {
    /// Waits until its table is on disk, and with that the last of its start done.
    pub(crate) async fn settled(&self) {
        until("a router has saved its table", async || self.table.exists()).await;
    }

    /// Its memory in KiB, once it has settled.
    pub(crate) async fn memory(&self) -> f64 {
        self.settled().await;
        self.process.memory()
    }
}
