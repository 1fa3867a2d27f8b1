//! The one place where programs are started.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};

/// A program with its arguments in `folder`, in our environment (which the lifecycle made for us) and `env`.
fn command<S: AsRef<OsStr>>(program: &str, arguments: &[S], folder: &Path, env: &[(&str, &OsStr)]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "this is the one exec wrapper")]
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).envs(env.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs it; what it prints is seen by the person who pushed.
pub(crate) fn run<S: AsRef<OsStr>>(
    program: &str,
    arguments: &[S],
    folder: &Path,
    env: &[(&str, &OsStr)],
) -> io::Result<ExitStatus> {
    command(program, arguments, folder, env).status()
}

/// Runs it and keeps what it prints.
pub(crate) fn output<S: AsRef<OsStr>>(
    program: &str,
    arguments: &[S],
    folder: &Path,
    env: &[(&str, &OsStr)],
) -> io::Result<Output> {
    command(program, arguments, folder, env).output()
}
