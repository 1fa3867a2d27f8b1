//! A place of its own for the bench: a network whose addresses are all free, a process tree and a folder that end with it. Nothing of it
//! is left behind however it ends, for the kernel clears it away.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::ExitCode;

use nix::mount::{MsFlags, mount};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use crate::exec::{command, run};

/// Whether the program has been started inside already.
const INSIDE: &str = "DEIS_BENCH_INSIDE";
/// Where the folder is, inside; hidden from everybody else.
pub(crate) const FOLDER: &str = "/mnt";
/// All of its addresses are the machine's own there. Not loopback's: an EndpointSlice may not name those.
const NETWORK: &str = "198.18.0.1/24";

/// Runs a bench inside, with those of its figures that the command line names; without any word there with all.
pub(crate) fn run_inside<F: Future<Output = ExitCode>>(
    names: &[&'static str],
    bench: impl FnOnce(Vec<&'static str>) -> F,
) -> ExitCode {
    // Cargo adds `--bench` to what was typed; only words are names, and not all of them are of this bench.
    let words = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect::<Vec<_>>();
    let chosen = names.iter().copied().filter(|name| words.is_empty() || words.iter().any(|word| word == name));
    let chosen = chosen.collect::<Vec<_>>();
    if chosen.is_empty() {
        return ExitCode::SUCCESS;
    }
    if std::env::var_os(INSIDE).is_none() {
        panic!("unshare: {}", enter());
    }
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        end_at_signals();
        bench(chosen).await
    })
}

/// The first process of all is not ended by signals that it does not wait for; with it all others end.
fn end_at_signals() {
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut signal = signal(kind).unwrap();
        #[expect(clippy::disallowed_methods, clippy::exit, reason = "a bench has no process around it")]
        drop(tokio::spawn(async move {
            signal.recv().await;
            std::process::exit(1)
        }));
    }
}

/// Starts this program again, inside, as the first process; returns only when that cannot be done.
fn enter() -> io::Error {
    let this = match std::env::current_exe() {
        Ok(this) => this,
        Err(error) => return error,
    };
    #[expect(clippy::disallowed_methods, reason = "the bench becomes another program, with all that it was given")]
    let mut unshare = std::process::Command::new("unshare");
    // With the first process the kernel ends all others.
    unshare.args(["--mount", "--mount-proc", "--net", "--pid", "--fork", "--kill-child"]);
    unshare.arg(this).args(std::env::args_os().skip(1)).env(INSIDE, "1").exec()
}

/// Makes the inside fit to be used.
pub(crate) async fn furnish() {
    // In memory: how fast the disk is concerns none of the figures.
    mount(Some("tmpfs"), Path::new(FOLDER), Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    // Some thousands of connections are open at once.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    drop(run(command("ip").args(["link", "set", "lo", "up"])).await);
    drop(run(command("ip").args(["addr", "add", NETWORK, "dev", "lo"])).await);
}
