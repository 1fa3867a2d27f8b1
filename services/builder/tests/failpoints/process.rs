//! The process under test.

use std::net::SocketAddr;
use std::process::ExitStatus;

use deis_bootstrap::deadline;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use super::common::{self, Builder, PATIENCE};

pub(super) struct Process {
    child: Child,
    failpoints: SocketAddr,
    pub(super) ssh: SocketAddr,
    /// Where the controller asks.
    pub(super) services: SocketAddr,
}

impl Process {
    /// On the volume that was there before, if any; waits until it listens.
    pub(super) async fn start(clients: &Builder) -> Self {
        let root = clients.root.path();
        let folder = |name: &str| root.join(name).display().to_string();
        let ports = std::fs::read_to_string(root.join("services")).unwrap();
        let (workflow, state) = ports.split_once(' ').unwrap();
        let settings = [
            format!("--tls={}", folder("tls/builder")),
            format!("--host-keys={}", folder("host-keys")),
            format!("--stack-run={}", folder("stack-run")),
            format!("--data={}", folder("data")),
            format!("--sockets={}", folder("sockets")),
            format!("--workflow=https://{workflow}"),
            format!("--state=https://{state}"),
            format!("--registry=http://{}", clients.registry.address),
            "--registry-username=builder".to_owned(),
            format!("--registry-password={}", common::registry::PASSWORD),
        ];
        let listeners = ["admin-address", "failpoints-listen", "ssh-listen", "build-listen", "grpc-listen"];
        let listeners = listeners.map(|name| format!("--{name}=127.0.0.1:0"));
        // The first process of its namespace: what it has started goes with it.
        let namespace = ["--user", "--map-root-user", "--pid", "--fork", "--kill-child"];
        let arguments = namespace.into_iter().chain([env!("CARGO_BIN_EXE_builder-failpoints")]);
        let arguments = arguments.chain(settings.iter().chain(&listeners).map(String::as_str)).collect::<Vec<_>>();
        let env = [("KUBECONFIG".to_owned(), folder("kubeconfig"))];
        let mut child = common::command("unshare", &arguments, root, &env).spawn().unwrap();

        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut addresses = Vec::new();
        while addresses.len() < listeners.len() {
            let line = deadline(PATIENCE, log.next_line()).await.unwrap().unwrap().expect("it has ended");
            let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            if line["message"] == "listening" {
                addresses.push(line["address"].as_str().unwrap().parse().unwrap());
            }
        }
        drop(
            clients
                .context
                .tasks
                .spawn("log of the process", async move { while let Ok(Some(_)) = log.next_line().await {} }),
        );
        Self { child, failpoints: addresses[1], ssh: addresses[2], services: addresses[4] }
    }

    /// As the kubelet asks a process to end.
    pub(super) fn terminate(&self) {
        let pid = self.child.id().unwrap();
        // The child of `unshare`.
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        kill(Pid::from_raw(children.trim().parse().unwrap()), Signal::SIGTERM).unwrap();
    }

    /// As `kill -9`.
    pub(super) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    pub(super) async fn arm(&self, point: &str) {
        let armed = reqwest::Client::new().put(format!("http://{}/{point}", self.failpoints)).send().await.unwrap();
        assert_eq!(armed.status(), 204, "{point}");
    }

    pub(super) async fn points(&self) -> Vec<String> {
        let list = reqwest::get(format!("http://{}/", self.failpoints)).await.unwrap().text().await.unwrap();
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        list["passed"].as_object().unwrap().keys().cloned().collect()
    }

    /// Waits for its death.
    pub(super) async fn died(&mut self) -> ExitStatus {
        deadline(PATIENCE, self.child.wait()).await.expect("it does not die at this point").unwrap()
    }
}
