//! The one place where another program is started: an argument vector, never a shell.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus, Output, Stdio};

/// Runs a program to its end. It gets no input, and messages in English, since some are read.
pub fn run<I>(program: &str, arguments: I) -> io::Result<Output>
where
    I: IntoIterator<Item: AsRef<OsStr>>,
{
    reading(program, arguments).output()
}

/// The same for a program that may hang: it ends with whoever waits for it.
pub async fn run_while_awaited<I>(program: &str, arguments: I) -> io::Result<Output>
where
    I: IntoIterator<Item: AsRef<OsStr>>,
{
    tokio::process::Command::from(reading(program, arguments)).kill_on_drop(true).output().await
}

/// Runs a program that the person works with on our terminal, such as an editor. It ends with whoever waits for it.
pub async fn run_on_terminal<I>(program: &str, arguments: I) -> io::Result<ExitStatus>
where
    I: IntoIterator<Item: AsRef<OsStr>>,
{
    tokio::process::Command::from(command(program, arguments)).kill_on_drop(true).status().await
}

/// Becomes another program, which works in our stead and so has all that we have. Comes back only when it cannot.
pub fn become_program<I>(program: &str, arguments: I) -> io::Error
where
    I: IntoIterator<Item: AsRef<OsStr>>,
{
    #[expect(clippy::disallowed_methods, reason = "this is the exec wrapper")]
    Command::new(program).args(arguments).exec()
}

fn reading<I>(program: &str, arguments: I) -> Command
where
    I: IntoIterator<Item: AsRef<OsStr>>,
{
    let mut command = command(program, arguments);
    command.stdin(Stdio::null()).env("LC_ALL", "C");
    command
}

/// The environment stays but for our secret: git, browsers and editors need the user's settings (HOME, GIT_DIR, DISPLAY, …).
fn command<I>(program: &str, arguments: I) -> Command
where
    I: IntoIterator<Item: AsRef<OsStr>>,
{
    #[expect(clippy::disallowed_methods, reason = "this is the exec wrapper")]
    let mut command = Command::new(program);
    command.args(arguments).env_remove("DEIS_TOKEN");
    command
}
