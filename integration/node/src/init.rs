//! The first process inside the node.
//!
//! It is process 1 of a process namespace, so the kernel ends every process of the node with it, containers included,
//! and no other. It mounts the node's view of the file system, starts what it is told to on its standard input, one name
//! a line, starts again what ends, and buries the dead. When its standard input ends, it ends the node.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::components;
use crate::exec;
use crate::folder::{Folder, INSIDE, PROGRAMS_INSIDE};

/// A process that keeps ending is started at most this often.
const RESTART_INTERVAL: Duration = Duration::from_secs(1);
/// How long processes may take to end before they are killed.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Runs until the standard input ends.
pub async fn run(folder: Folder, programs: PathBuf) -> Result<()> {
    let lock = fs::File::create(folder.inner_lock())?;
    lock.lock().context("taking the inner lock")?;
    mount_view(folder.path(), &programs)?;
    // The supervisor waits for this line: our namespaces exist.
    std::io::stdout().write_all(b"here\n")?;

    let mut dead = signal(SignalKind::child())?;
    let input = std::io::stdin().as_fd().try_clone_to_owned()?;
    let mut orders = BufReader::new(pipe::Receiver::from_owned_fd(input)?).lines();
    let mut running = Running::default();
    loop {
        tokio::select! {
            order = orders.next_line() => match order? {
                Some(name) => running.start(&name)?,
                None => break,
            },
            _ = dead.recv() => running.bury(),
            () = exec::pause_until(running.next_restart()) => running.restart()?,
        }
    }
    stop(running, &mut dead).await
}

/// What was started, and when what ended may start again.
#[derive(Default)]
struct Running {
    children: BTreeMap<i32, (String, Instant)>,
    restarts: BTreeMap<String, Instant>,
}

impl Running {
    fn start(&mut self, name: &str) -> Result<()> {
        let component = components::named(name).with_context(|| format!("no such component: {name}"))?;
        let log = PathBuf::from(format!("/var/log/{name}.log"));
        let child: Child = exec::start(Path::new(&component.program), &component.args, &log)?;
        info!(name, pid = child.id(), "started");
        self.children.insert(i32::try_from(child.id())?, (name.to_owned(), Instant::now()));
        Ok(())
    }

    /// Collects every process that ended: our own, and orphans, which the kernel gives to process 1.
    fn bury(&mut self) {
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            let Some(pid) = status.pid() else { return };
            if let Some((name, started)) = self.children.remove(&pid.as_raw()) {
                warn!(name, ?status, "ended");
                self.restarts.insert(name, started + RESTART_INTERVAL);
            }
        }
    }

    fn pids_of(&self, name: &str) -> impl Iterator<Item = Pid> {
        self.children.iter().filter(move |(_, (other, _))| other == name).map(|(pid, _)| Pid::from_raw(*pid))
    }

    fn names(&self) -> Vec<&str> {
        self.children.values().map(|(name, _)| name.as_str()).collect()
    }

    fn next_restart(&self) -> Instant {
        let idle = || Instant::now() + Duration::from_secs(3600);
        self.restarts.values().min().copied().unwrap_or_else(idle)
    }

    fn restart(&mut self) -> Result<()> {
        let now = Instant::now();
        let due: Vec<String> = self.restarts.extract_if(.., |_, moment| *moment <= now).map(|(name, _)| name).collect();
        due.iter().try_for_each(|name| self.start(name))
    }
}

/// Asks every process of the node to end, and waits for those that we started: stores want to close their files. Pods
/// get no more time than that; the kernel kills what is left, as when a machine is switched off.
async fn stop(mut running: Running, dead: &mut tokio::signal::unix::Signal) -> Result<()> {
    info!("stopping");
    let end = Instant::now() + STOP_LIMIT;
    // The API server keeps nothing; asked kindly, it and etcd would wait for each other.
    for pid in running.pids_of("kube-apiserver") {
        kill(pid, Signal::SIGKILL)?;
    }
    // For process 1, "every process" is every other process of its namespace.
    kill(Pid::from_raw(-1), Signal::SIGTERM)?;
    while !running.children.is_empty() && Instant::now() < end {
        tokio::select! {
            _ = dead.recv() => running.bury(),
            () = exec::pause_until(end) => warn!(running = ?running.names(), "they take too long"),
        }
    }
    Ok(())
}

/// Gives the node its own `/run`, `/var/lib` and `/var/log`. The mounts live in a namespace of their own: the machine
/// never sees them, and they are gone with the node's last process.
fn mount_view(folder: &Path, programs: &Path) -> Result<()> {
    // Containers may ask for mounts that propagate: the node shares with them, and with nobody else.
    let whole_tree = MsFlags::MS_REC | MsFlags::MS_SHARED;
    mount(None::<&str>, "/", None::<&str>, whole_tree, None::<&str>).context("sharing mounts")?;

    // The new /run is prepared aside, because both sources may stand below the folders that are about to be covered.
    let staged = folder.join("run");
    fs::create_dir_all(&staged)?;
    mount(Some("tmpfs"), &staged, Some("tmpfs"), MsFlags::empty(), Some("mode=755")).context("mounting /run")?;
    bind(folder, &staged.join(relative(INSIDE)))?;
    bind(programs, &staged.join(relative(PROGRAMS_INSIDE)))?;
    mount(Some(&staged), "/run", None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)
        .context("covering /run")?;
    bind(Path::new("/run/node/lib"), Path::new("/var/lib"))?;
    bind(Path::new("/run/node/log"), Path::new("/var/log"))
}

fn bind(source: &Path, target: &Path) -> Result<()> {
    fs::create_dir_all(target)?;
    mount(Some(source), target, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .with_context(|| format!("mounting {} on {}", source.display(), target.display()))
}

/// A path below `/run`, relative to it.
fn relative(path: &str) -> &str {
    path.trim_start_matches("/run/")
}
