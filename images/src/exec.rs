//! The only place that starts other programs.

use std::ffi::OsStr;
use std::process::Command;

/// A program with its arguments, and no shell.
pub(crate) fn command(program: &str, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "this is the wrapper; it takes an argument vector")]
    let mut command = Command::new(program);
    command.args(arguments);
    command
}
