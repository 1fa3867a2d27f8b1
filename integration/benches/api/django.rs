use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::http::Connection;
use crate::process::{Process, Processors, until};

const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 18, 0, 20)), 8000);
/// As the original had it: 4 × processors + 1.
const WORKERS: &str = "5";

/// What workflow is compared with: Django REST framework under gunicorn, with the package `peer` beside this file. The original's
/// workers closed every connection; these keep them, which costs them less.
pub(crate) struct Django {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Django {
    pub(crate) async fn start(folder: &Path) -> Self {
        let installed = PathBuf::from(std::env::var_os("DEIS_BENCH_DJANGO").expect("run `make bench`"));
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/api");
        let mut gunicorn = Process::on(Processors::Measured, installed.join("bin/python").to_str().unwrap());
        gunicorn.args(["-m", "gunicorn", "--bind", &ADDRESS.to_string(), "--workers", WORKERS]);
        gunicorn.args(["--worker-class", "gthread", "--threads", "1", "--keep-alive", "60", "--no-control-socket"]);
        gunicorn.arg("--worker-tmp-dir").arg(folder).arg("--pythonpath").arg(package);
        gunicorn.arg("django.core.wsgi:get_wsgi_application()");
        gunicorn.env("DJANGO_SETTINGS_MODULE", "peer.settings").env("PYTHONDONTWRITEBYTECODE", "1");
        let process = Process::start(&mut gunicorn, &folder.join("django.log"));
        until("Django answers", async || Connection::open(ADDRESS).is_ok()).await;
        Self { process, address: ADDRESS }
    }
}
