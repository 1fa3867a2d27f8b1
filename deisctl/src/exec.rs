//! The one place that starts another program: an argument vector, never a shell.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{ExitStatus, Stdio};

#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecError {
    #[error("{program} is not installed, or not where PATH leads")]
    Missing { program: String },
    #[error("cannot run {program}")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("{program} failed ({status})")]
    Failed { program: String, status: ExitStatus },
}

/// Runs a program on our own output and waits for its end. It is the operator's own tool and gets the operator's environment.
pub(crate) async fn run(program: &OsStr, arguments: &[OsString]) -> Result<(), ExecError> {
    let name = || program.to_string_lossy().into_owned();
    #[expect(clippy::disallowed_methods, reason = "this is the exec wrapper")]
    let mut command = tokio::process::Command::new(program);
    let status = command.args(arguments).stdin(Stdio::null()).status().await.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ExecError::Missing { program: name() },
        _ => ExecError::Start { program: name(), source },
    })?;
    if status.success() { Ok(()) } else { Err(ExecError::Failed { program: name(), status }) }
}
