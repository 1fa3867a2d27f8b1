//! The one place where this program becomes another.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::env::Env;
use crate::error::Error;

/// Replaces this process by `command`, looked up in the new `PATH`; returns why that was not possible.
pub(crate) fn become_process(command: Vec<OsString>, directory: &Path, env: &Env) -> Error {
    let mut command = command.into_iter();
    let program = command.next().unwrap_or_default();
    if let Err(source) = std::env::set_current_dir(directory) {
        return Error::Directory { path: directory.to_owned(), source };
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one exec wrapper: an argument vector, a given environment"
    )]
    let source = Command::new(&program).args(command).env_clear().envs(env.iter()).exec();
    Error::Exec { program: program.to_string_lossy().into_owned(), source }
}
