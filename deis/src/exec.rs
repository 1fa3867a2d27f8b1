//! The one place where another program is started: an argument vector, never a shell.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, Output, Stdio};

/// Runs a program to its end. It gets no input, and messages in English, since some are read.
pub fn run<I>(program: &str, arguments: I) -> io::Result<Output>
where
    I: IntoIterator<Item: AsRef<OsStr>>,
{
    #[expect(clippy::disallowed_methods, reason = "this is the exec wrapper")]
    let mut command = Command::new(program);
    // The rest of the environment stays: git and browsers need the user's settings (HOME, GIT_DIR, DISPLAY, …).
    command.args(arguments).stdin(Stdio::null()).env("LC_ALL", "C").env_remove("DEIS_TOKEN").output()
}
