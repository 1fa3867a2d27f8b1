//! Connections with processes in pods.

use std::time::Duration;

use deis_api::session::Size;
use deis_bootstrap::deadline;
use deis_kube::objects::LAUNCHER;
use futures_util::{FutureExt as _, SinkExt as _};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::Api;
use kube::api::{AttachParams, AttachedProcess, TerminalSize};

use crate::deploy::EffectError;
use crate::runs::Attached;

/// How long a node may take to connect.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of each stream is on its way at most, in bytes.
const BUFFER: usize = 64 * 1024;

pub(super) async fn attach(pods: &Api<Pod>, pod: &str, has_terminal: bool) -> Result<Attached, EffectError> {
    let parameters = parameters(has_terminal);
    connected(deadline(PATIENCE, pods.attach(pod, &parameters)).await)
}

pub(super) async fn exec(
    pods: &Api<Pod>,
    pod: &str,
    command: Vec<String>,
    has_terminal: bool,
) -> Result<Attached, EffectError> {
    let parameters = parameters(has_terminal);
    connected(deadline(PATIENCE, pods.exec(pod, command, &parameters)).await)
}

/// What runs a command in a container as its process runs: the launcher, where the image has one.
pub(super) fn within(pod: &Pod, command: &[String]) -> Vec<String> {
    let container = pod.spec.as_ref().and_then(|spec| spec.containers.first());
    let started_by = container.and_then(|container| container.command.as_ref()?.first());
    let launcher = started_by.filter(|program| *program == LAUNCHER);
    let before = launcher.map(|launcher| [launcher.clone(), "--".to_owned()]);
    before.into_iter().flatten().chain(command.iter().cloned()).collect()
}

fn parameters(has_terminal: bool) -> AttachParams {
    AttachParams {
        stdin: true,
        stdout: true,
        stderr: !has_terminal,
        tty: has_terminal,
        max_stdin_buf_size: Some(BUFFER),
        max_stdout_buf_size: Some(BUFFER),
        max_stderr_buf_size: Some(BUFFER),
        ..AttachParams::default()
    }
}

fn connected<E: std::fmt::Display>(answer: Result<kube::Result<AttachedProcess>, E>) -> Result<Attached, EffectError> {
    let answer = answer.map_err(|late| EffectError::Unavailable(late.to_string()))?;
    let mut process = answer.map_err(|error| EffectError::Unavailable(error.to_string()))?;
    let (status, sizes, stderr) = (process.take_status(), process.terminal_size(), process.stderr());
    Ok(Attached {
        stdin: match process.stdin() {
            Some(stdin) => Box::new(stdin),
            None => Box::new(tokio::io::sink()),
        },
        stdout: match process.stdout() {
            Some(stdout) => Box::new(stdout),
            None => Box::new(tokio::io::empty()),
        },
        stderr: stderr.map(|stderr| Box::new(stderr) as _),
        resize: sizes.map(|sizes| {
            let resize = move |Size { columns, rows }| {
                let mut sizes = sizes.clone();
                // A person who pulls at a window makes many, and the last one counts. Nobody takes it when the process has ended.
                async move { drop(sizes.send(TerminalSize { width: columns, height: rows }).await) }.boxed()
            };
            Box::new(resize) as _
        }),
        exit_code: Box::pin(async move {
            let broke = || "the connection broke".to_owned();
            exit_code(&status.ok_or_else(broke)?.await.ok_or_else(broke)?)
        }),
        connection: Box::new(process),
    })
}

/// The exit code that Kubernetes tells, or why there is none.
fn exit_code(status: &Status) -> Result<i32, String> {
    if status.status.as_deref() == Some("Success") {
        return Ok(0);
    }
    let causes = status.details.as_ref().and_then(|details| details.causes.as_ref()).into_iter().flatten();
    let mut codes = causes.filter(|cause| cause.reason.as_deref() == Some("ExitCode"));
    let code = codes.find_map(|cause| cause.message.as_ref()?.parse().ok());
    code.ok_or_else(|| status.message.clone().unwrap_or_else(|| "Kubernetes gives no reason".to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_exit_code_is_read_and_so_is_why_there_is_none() {
        let exit_code = |status: serde_json::Value| exit_code(&serde_json::from_value(status).unwrap());
        assert_eq!(exit_code(json!({ "status": "Success" })), Ok(0));
        let failed = json!({
            "status": "Failure", "reason": "NonZeroExitCode", "message": "command terminated with non-zero exit code",
            "details": { "causes": [{ "reason": "ExitCode", "message": "5" }] },
        });
        assert_eq!(exit_code(failed), Ok(5));
        let missing =
            json!({ "status": "Failure", "reason": "InternalError", "message": "executable file not found in $PATH" });
        assert_eq!(exit_code(missing), Err("executable file not found in $PATH".to_owned()));
    }

    #[test]
    fn the_launcher_sets_up_what_a_process_has_where_there_is_one() {
        let within = |program: serde_json::Value| {
            let pod = json!({ "metadata": {}, "spec": { "containers": [{ "name": "web", "command": program }] } });
            within(&serde_json::from_value(pod).unwrap(), &["ls".to_owned(), "-l".to_owned()])
        };
        assert_eq!(within(json!([LAUNCHER])), [LAUNCHER, "--", "ls", "-l"]);
        assert_eq!(within(json!(["/bin/bash", "-c"])), ["ls", "-l"]);
        assert_eq!(within(json!(null)), ["ls", "-l"]);
    }
}
