//! The one place that starts another program: an argument vector, never a shell.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{ExitStatus, Stdio};

use tokio::process::Command;

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
    #[error("{program} failed ({status}): {said}")]
    Told { program: String, status: ExitStatus, said: String },
}

/// Runs a program on our own output and waits for its end. It is the operator's own tool and gets the operator's environment.
pub(crate) async fn run(program: &OsStr, arguments: &[OsString]) -> Result<(), ExecError> {
    let status = command(program, arguments).status().await.map_err(|source| not_started(program, source))?;
    if status.success() { Ok(()) } else { Err(ExecError::Failed { program: name(program), status }) }
}

/// The same, and gives what it wrote to its standard output.
pub(crate) async fn read(program: &OsStr, arguments: &[OsString]) -> Result<String, ExecError> {
    let output = command(program, arguments).output().await.map_err(|source| not_started(program, source))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let said = text(&output.stderr);
    // What stands before helm's error is warnings.
    let said = said.split_once("Error: ").map_or(said.as_str(), |(_, error)| error).trim().to_owned();
    Err(ExecError::Told { program: name(program), status: output.status, said })
}

fn command(program: &OsStr, arguments: &[OsString]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "this is the exec wrapper")]
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}

fn not_started(program: &OsStr, source: io::Error) -> ExecError {
    match source.kind() {
        io::ErrorKind::NotFound => ExecError::Missing { program: name(program) },
        _ => ExecError::Start { program: name(program), source },
    }
}

fn name(program: &OsStr) -> String {
    program.to_string_lossy().into_owned()
}
