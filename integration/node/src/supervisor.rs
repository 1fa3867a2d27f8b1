//! The daemon that a running node is, seen from the machine.
//!
//! It stands outside the node's namespaces: it holds the lock, makes the namespaces, brings the processes up in order,
//! then gives volumes and addresses until it is told to stop. Whatever ends it ends the node.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::folder::Folder;
use crate::images::{Containerd, PAUSE_IMAGE};
use crate::pki::NODE_NAME;
use crate::state::{Lock, State};
use crate::{cgroups, cluster, components, controller, exec, network, pki};

/// The last line that a starting supervisor says.
pub const READY: &str = "ready";

/// Nobody but a running node holds the lock as long as this.
const LOCK_LIMIT: Duration = Duration::from_secs(1);
/// How long a step may take; a cold disk and a busy machine are slow.
const STEP_LIMIT: Duration = Duration::from_secs(90);
/// A little more than the processes get inside (`init::STOP_LIMIT`).
const STOP_LIMIT: Duration = Duration::from_secs(8);

/// Runs the node until SIGTERM, or until the first process inside ends.
///
/// Each line on the standard output is progress; [`READY`] is the last.
pub async fn run(folder: Folder, programs: PathBuf) -> Result<()> {
    // A session of its own: the terminal that started the node may close.
    nix::unistd::setsid().ok();
    // A reader of the state holds the lock for a moment.
    let free = async || Lock::try_take(&folder).transpose();
    let mut lock = exec::eventually("no other node runs from this folder", LOCK_LIMIT, free).await??;
    let mut state = State { supervisor: i32::try_from(std::process::id())?, namespaces: None, programs, ready: false };
    lock.write(&state)?;
    clean(&folder).await.context("removing what an earlier node left")?;
    folder.create()?;
    components::write_files(&folder)?;
    pki::ensure(&folder)?;
    cgroups::create()?;

    let mut stop = signal(SignalKind::terminate())?;
    let mut inside = Inside::start(&folder, &state.programs).await?;
    state.namespaces = Some(inside.namespaces);
    lock.write(&state)?;
    let work = async {
        let containerd = Containerd::of(inside.namespaces);
        let client = bring_up(&folder, &containerd, &state.programs, &mut inside.orders).await?;
        state.ready = true;
        lock.write(&state)?;
        say(READY);
        controller::run(client, folder.clone()).await
    };
    let ended = tokio::select! {
        result = work => result,
        status = inside.process.wait() => Err(anyhow::anyhow!("the node's first process ended: {}", status?)),
        _ = stop.recv() => Ok(()),
    };
    inside.stop().await?;
    clean(&folder).await?;
    ended
}

/// Removes what a node leaves on the machine outside its folder and its namespaces.
pub async fn clean(folder: &Folder) -> Result<()> {
    if let Ok(inner) = fs::File::open(folder.inner_lock()) {
        // Its supervisor was killed: the first process inside has seen that and is about to end.
        exec::eventually("the old node's end", STOP_LIMIT, async || inner.try_lock().ok()).await?;
    }
    // The control groups have one name for all nodes, so they are ours only if the link is not another's.
    if network::disconnect(&folder.path().to_string_lossy()).await? { cgroups::remove().await } else { Ok(()) }
}

/// The node's processes, from outside.
struct Inside {
    process: Child,
    /// A name on a line starts a component; the end of input ends the node.
    orders: ChildStdin,
    namespaces: u32,
}

impl Inside {
    async fn start(folder: &Folder, programs: &Path) -> Result<Self> {
        let ourselves = std::env::current_exe()?;
        let (ourselves, folder_path, programs) =
            (ourselves.to_string_lossy(), folder.path().to_string_lossy(), programs.to_string_lossy());
        let unshare = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--", &ourselves];
        let init = ["--dir", &folder_path, "init", "--programs", &programs];
        let args = [unshare.as_slice(), init.as_slice()].concat();
        let mut process = exec::daemon(Path::new("unshare"), &args, &folder.log("init"))?;
        let orders = process.stdin.take().context("no standard input")?;
        let output = process.stdout.take().context("no standard output")?;
        let namespaces = process.id().context("it has ended")?;
        if BufReader::new(output).lines().next_line().await?.is_none() {
            bail!("the node's first process did not start: see {}", folder.log("init").display());
        }
        network::connect(namespaces, &folder_path).await?;
        Ok(Self { process, orders, namespaces })
    }

    async fn stop(self) -> Result<ExitStatus> {
        let Self { mut process, orders, .. } = self;
        drop(orders);
        #[expect(clippy::disallowed_methods, reason = "the node depends on no crate of ours")]
        match tokio::time::timeout(STOP_LIMIT, process.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => {
                warn!("the node did not end when asked; it is killed");
                process.kill().await?;
                Ok(process.wait().await?)
            }
        }
    }
}

/// Starts the processes in order; returns when the node is Ready.
async fn bring_up(
    folder: &Folder,
    containerd: &Containerd,
    programs: &Path,
    orders: &mut ChildStdin,
) -> Result<Client> {
    let begin = Instant::now();
    // The kubelet's clock, in whole seconds.
    let since = Timestamp::from_second(Timestamp::now().as_second())?;
    let progress = |what: &str| say(&format!("{what} after {:.1} s", begin.elapsed().as_secs_f32()));
    order(orders, &components::FIRST).await?;
    let client = cluster::client(folder).await?;
    let runtime = async {
        let answers = async || containerd.answers().await.then_some(());
        exec::eventually("containerd answers", STEP_LIMIT, answers).await?;
        containerd.load_program(PAUSE_IMAGE, &programs.join("pause"))?;
        progress("containerd answers");
        anyhow::Ok(())
    };
    let api = async {
        let answers = async || cluster::is_ready(&client).await.then_some(());
        exec::eventually("the API server is ready", STEP_LIMIT, answers).await?;
        progress("the API server is ready");
        anyhow::Ok(())
    };
    tokio::try_join!(runtime, api)?;
    order(orders, &components::SECOND).await?;
    let ready = |node: Option<&Node>| cluster::node_is_ready(node, since);
    let ready = await_condition(Api::<Node>::all(client.clone()), NODE_NAME, ready);
    #[expect(clippy::disallowed_methods, reason = "the node depends on no crate of ours")]
    tokio::time::timeout(STEP_LIMIT, ready).await.context("the node is not Ready in time")??;
    progress("the node is Ready");
    Ok(client)
}

async fn order(orders: &mut ChildStdin, names: &[&str]) -> Result<()> {
    for name in names {
        orders.write_all(format!("{name}\n").as_bytes()).await.context("the node's first process is gone")?;
    }
    Ok(())
}

/// Tells whoever started us, if they still listen.
fn say(line: &str) {
    info!(line);
    writeln!(std::io::stdout(), "{line}").ok();
}
