use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::database;
use crate::http::{Connection, is_ready};
use crate::pki::Pki;
use crate::process::{Process, Processors, until};

/// The platform's first administrator.
pub(crate) const ADMIN: (&str, &str) = ("admin", "a password of the bench");

/// The program that is shipped, as a process of its own. State, logger, builder and routers are away: no GET needs them, and nobody
/// keeps the apps meanwhile.
pub(crate) struct Workflow {
    pub(crate) process: Process,
    pub(crate) rest: SocketAddr,
}

/// How they are started.
pub(crate) struct Workflows {
    program: PathBuf,
    folder: PathBuf,
    identity: String,
}

impl Workflows {
    pub(crate) fn new(program: PathBuf, folder: &Path, pki: &Pki) -> Self {
        let secrets = [
            ("database/user", database::NAME),
            ("database/password", "nobody asks for it"),
            ("database/name", database::NAME),
            ("pull/key", "0123456789abcdef0123456789abcdef"),
            ("admin/username", ADMIN.0),
            ("admin/password", ADMIN.1),
        ];
        for (name, text) in secrets {
            let file = folder.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        Self { program, folder: folder.to_owned(), identity: pki.service("workflow") }
    }

    /// Returns when it is ready. `host` is the last byte of its address.
    pub(crate) async fn start(&self, host: u8, kubeconfig: &str) -> Workflow {
        let address = |port: u16| SocketAddr::from(([198, 18, 0, host], port));
        let (rest, admin) = (address(8000), address(9090));
        let mut workflow = Process::on(Processors::Measured, self.program.to_str().unwrap());
        workflow.arg("serve").arg("--admin-address").arg(admin.to_string());
        workflow.arg("--rest-listen").arg(rest.to_string()).arg("--listen").arg(address(50051).to_string());
        workflow.args(["--tls", &self.identity, "--database-host", "127.0.0.1"]);
        for (option, name) in [("--database", "database"), ("--pull-key", "pull"), ("--admin", "admin")] {
            workflow.arg(option).arg(self.folder.join(name));
        }
        for service in ["state", "logger", "builder"] {
            workflow.arg(format!("--{service}")).arg("https://198.18.0.99:50051");
        }
        workflow.env("KUBECONFIG", kubeconfig);
        let process = Process::start(&mut workflow, &self.folder.join(format!("workflow-{host}.log")));
        until("workflow is ready", async || is_ready(admin) && Connection::open(rest).is_ok()).await;
        Workflow { process, rest }
    }
}
