//! What the router is compared with.

use std::net::SocketAddr;
use std::path::Path;

use crate::http::Connection;
use crate::process::{Process, Processors, until};

/// The app's host, for all of them.
pub(crate) const HOST: &str = "app-0.apps.bench";

pub(crate) const BACKEND: SocketAddr = address(30, 8000);
const NGINX: SocketAddr = address(20, 80);
const HAPROXY: SocketAddr = address(21, 80);

const fn address(host: u8, port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(198, 18, 0, host)), port)
}

/// One of those that answer for the app.
pub(crate) struct Peer {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Peer {
    pub(crate) async fn backend(folder: &Path) -> Self {
        let process = nginx(Processors::Others, "backend", include_str!("backend.conf"), folder);
        Self { process, address: BACKEND }.answering().await
    }

    pub(crate) async fn nginx(folder: &Path) -> Self {
        let process = nginx(Processors::Measured, "nginx", include_str!("nginx.conf"), folder);
        Self { process, address: NGINX }.answering().await
    }

    pub(crate) async fn haproxy(folder: &Path) -> Self {
        let config = folder.join("haproxy.cfg");
        std::fs::write(&config, include_str!("haproxy.cfg")).unwrap();
        let mut haproxy = Process::on(Processors::Measured, "/usr/sbin/haproxy");
        haproxy.arg("-db").arg("-f").arg(config);
        let process = Process::start(&mut haproxy, &folder.join("haproxy.log"));
        Self { process, address: HAPROXY }.answering().await
    }

    async fn answering(self) -> Self {
        until("a peer answers", async || Connection::open(self.address).is_ok()).await;
        self
    }
}

fn nginx(processors: Processors, name: &str, config: &str, folder: &Path) -> Process {
    std::fs::create_dir_all(folder.join("temp")).unwrap();
    let file = folder.join(format!("{name}.conf"));
    std::fs::write(&file, config).unwrap();
    let mut nginx = Process::on(processors, "/usr/sbin/nginx");
    nginx.arg("-p").arg(folder).arg("-c").arg(file).args(["-e", "stderr"]);
    Process::start(&mut nginx, &folder.join(format!("{name}.log")))
}

/// Fails unless the app is told the same about its client as by the others.
pub(crate) fn does_its_work(name: &str, address: SocketAddr) {
    let mut connection = Connection::open(address).unwrap();
    let answer = connection.ask(HOST, "/headers").unwrap();
    let told = String::from_utf8_lossy(answer.body).into_owned();
    // Host, Connection (nothing), X-Forwarded-For, -Proto and -Port; what follows is an id, each time another.
    let id = told.strip_prefix(&format!("{HOST}  198.18.0.1 http 80 "));
    assert!(id.is_some_and(|id| id.len() >= 32), "{name} tells the app {told:?}");
}
