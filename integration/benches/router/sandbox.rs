//! A place of its own for the bench: a network whose addresses are all free, a process tree and a folder that end with it. Nothing of it
//! is left behind however it ends, for the kernel clears it away.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::exec::{command, run};

/// Whether the program has been started inside already.
const INSIDE: &str = "DEIS_BENCH_INSIDE";
/// Where the folder is, inside; hidden from everybody else.
pub(crate) const FOLDER: &str = "/mnt";
/// All of its addresses are the machine's own there. Not loopback's: an EndpointSlice may not name those.
const NETWORK: &str = "198.18.0.1/24";

pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Starts this program again, inside, as the first process; returns only when that cannot be done.
pub(crate) fn enter() -> io::Error {
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
