//! `deis-node up`

use std::fs;
use std::net::ToSocketAddrs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use deis_node::folder::Folder;
use deis_node::{DOMAIN, cluster, exec, programs, state, supervisor};
use tokio::io::{AsyncBufReadExt, BufReader};

/// Programs of the packages in `packages.txt`, each of which the node cannot do without.
const NEEDED: [&str; 8] = [
    "/usr/bin/containerd",
    "/usr/bin/nsenter",
    "/usr/bin/unshare",
    "/usr/lib/cni/bridge",
    "/usr/sbin/conntrack",
    "/usr/sbin/ip",
    "/usr/sbin/iptables",
    "/usr/sbin/runc",
];
/// How long a node that somebody else is starting may take.
const START_LIMIT: Duration = Duration::from_secs(120);

pub(crate) async fn run(folder: &Folder) -> Result<()> {
    if let Some(other) =
        std::env::var_os("KUBECONFIG").filter(|it| !it.is_empty() && Path::new(it) != folder.kubeconfig())
    {
        return super::tell(&format!("KUBECONFIG names another cluster ({}): nothing to start", other.display()));
    }
    let begin = Instant::now();
    let started = state::read(folder)?.is_none();
    if started {
        start(folder).await?;
    } else {
        wait(folder).await?;
    }
    let what = if started { "Ready" } else { "Ready, as it was" };
    super::tell(&format!("the node is {what}, after {:.1} s", begin.elapsed().as_secs_f32()))?;
    if format!("any.{DOMAIN}:80").to_socket_addrs().is_err() {
        super::tell(&format!("names under {DOMAIN} do not resolve: install libnss-myhostname"))?;
    }
    super::tell("use it with: eval \"$(deis-node env)\"")
}

/// Starts a supervisor and passes on what it says, until it says that the node is Ready.
async fn start(folder: &Folder) -> Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "a node needs root");
    for program in NEEDED {
        ensure!(Path::new(program).exists(), "{program} is missing: install what integration/node/packages.txt lists");
    }
    let programs = programs::ensure_built().await?;
    folder.create()?;
    let args = ["--dir", &folder.path().to_string_lossy(), "supervise", "--programs", &programs.to_string_lossy()];
    let mut supervisor = exec::daemon(&std::env::current_exe()?, &args, &folder.log("supervisor"))?;
    let mut lines = BufReader::new(supervisor.stdout.take().context("no standard output")?).lines();
    while let Some(line) = lines.next_line().await? {
        if line == supervisor::READY {
            return Ok(());
        }
        super::tell(&line)?;
    }
    let log = fs::read_to_string(folder.log("supervisor")).unwrap_or_default();
    let tail: Vec<&str> = log.lines().rev().take(10).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    bail!("the node did not start:\n{}\nlogs are in {}", tail.join("\n"), folder.logs().display())
}

/// Waits for a node that runs to be Ready: usually it is.
async fn wait(folder: &Folder) -> Result<()> {
    let ready = async || match state::read(folder) {
        Ok(Some(state)) if state.ready => is_ready(folder).await.then_some(Ok(())),
        Ok(Some(_)) => None,
        Ok(None) => Some(Err(anyhow::anyhow!("the node ended while it was waited for"))),
        Err(error) => Some(Err(error)),
    };
    exec::eventually("the running node is Ready", START_LIMIT, ready).await?
}

async fn is_ready(folder: &Folder) -> bool {
    match cluster::client(folder).await {
        Ok(client) => cluster::is_ready(&client).await,
        Err(_) => false,
    }
}
