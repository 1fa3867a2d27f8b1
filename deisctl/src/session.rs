//! A program in a pod, worked with through our own terminal or pipes.

use std::convert::Infallible;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use deis_cli::Failure;
use futures_util::{Sink, SinkExt as _};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::Api;
use kube::api::{AttachParams, AttachedProcess, TerminalSize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cluster::KubeError;
use crate::deadline::within;
use crate::stop::Stop;

/// How long what the program wrote last may take to come after it has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("cannot run {program} in pod {pod}")]
    Exec {
        program: String,
        pod: String,
        #[source]
        source: KubeError,
    },
    #[error("the connection to pod {0} broke off")]
    Lost(String),
    #[error("the terminal cannot be used")]
    Terminal(#[from] io::Error),
}

/// Whether a person works here: then the program gets a terminal as well.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Runs a program in a container until it ends, on a terminal when ours is one. It gets our input when it has a terminal or when
/// something is piped in. Its exit code becomes ours.
pub(crate) async fn run(pods: &Api<Pod>, pod: &str, command: &[String]) -> Result<(), Failure> {
    let interactive = is_interactive();
    // Keys that are pressed while our output goes into a pipe are for whoever reads the pipe.
    let input = interactive || !io::stdin().is_terminal();
    let params = AttachParams::default().stdin(input).tty(interactive).stderr(!interactive);
    // Before there is anything over there: no signal is missed, and none ends us half-way, with a terminal that nobody gives back.
    let (mut stop, changes) = (Stop::listen()?, signal(SignalKind::window_change())?);
    stop.unless(work(pods, pod, command, &params, changes), Failure::ended).await
}

async fn work(
    pods: &Api<Pod>,
    pod: &str,
    command: &[String],
    params: &AttachParams,
    changes: Signal,
) -> Result<(), Failure> {
    let program = command.first().cloned().unwrap_or_default();
    let attached = pods.exec(pod, command, params).await;
    let mut attached = attached.map_err(|source| SessionError::Exec {
        program: program.clone(),
        pod: pod.to_owned(),
        source: source.into(),
    })?;
    let status = attached.take_status();
    let raw = params.tty.then(RawTerminal::enter).transpose()?;
    let sizes = follow_size(if params.tty { attached.terminal_size() } else { None }, changes);
    let relayed = relay(&mut attached);
    tokio::select! {
        () = relayed => {}
        never = sizes => match never? {},
    }
    drop(raw);
    let status = match status {
        Some(status) => within(LAST_WORDS, status).await.flatten(),
        None => None,
    };
    ended(status.ok_or_else(|| SessionError::Lost(pod.to_owned()))?, &program, pod)
}

/// The program's end in our words. A program that ran has said why it failed.
fn ended(status: Status, program: &str, pod: &str) -> Result<(), Failure> {
    if status.status.as_deref() == Some("Success") {
        return Ok(());
    }
    let causes = status.details.iter().flat_map(|details| details.causes.iter().flatten());
    let code = causes
        .filter(|cause| cause.reason.as_deref() == Some("ExitCode"))
        .find_map(|cause| cause.message.as_ref()?.parse::<i32>().ok());
    if let Some(code) = code {
        return Err(Failure::ended(u8::try_from(code).unwrap_or(1)));
    }
    let message = status.message.unwrap_or_default();
    let failure = Failure::new(format!("cannot run {program} in pod {pod}: {message}"));
    Err(if message.contains("no such file") || message.contains("not found") {
        failure.hint("The image may have no such program. Name another: deisctl dock <component> -- <command>")
    } else {
        failure
    })
}

/// Carries bytes both ways until the program's output ends.
async fn relay(attached: &mut AttachedProcess) {
    let (stdin, stdout, stderr) = (attached.stdin(), attached.stdout(), attached.stderr());
    let output = async {
        tokio::join!(copy(stdout, tokio::io::stdout()), copy(stderr, tokio::io::stderr()));
    };
    let input = async {
        if let Some(mut stdin) = stdin {
            copy_input(&mut stdin).await;
            // The program sees the end of its input; what it writes still comes.
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = output => {}
        () = input => {}
    }
}

/// Our output being closed ends the copying, as it ends a program.
async fn copy(from: Option<impl AsyncRead + Unpin>, mut to: impl tokio::io::AsyncWrite + Unpin) {
    let Some(mut from) = from else { return };
    let mut buffer = [0; 8192];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let Some(bytes) = buffer.get(..read) else { return };
        if to.write_all(bytes).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}

async fn copy_input(to: &mut (impl tokio::io::AsyncWrite + Unpin)) {
    copy(Some(tokio::io::stdin()), &mut *to).await;
    // A program that has ended needs no end of its input.
    let _closed = to.shutdown().await;
}

/// Tells the program how large our terminal is, now and after each change.
async fn follow_size(sizes: Option<impl Sink<TerminalSize> + Unpin>, mut changes: Signal) -> io::Result<Infallible> {
    let Some(mut sizes) = sizes else { return std::future::pending().await };
    loop {
        let (width, height) = crossterm::terminal::size()?;
        // The program may have ended meanwhile.
        if sizes.send(TerminalSize { width, height }).await.is_err() {
            return std::future::pending().await;
        }
        changes.recv().await;
    }
}

/// Our terminal hands over each key as it is pressed, Ctrl-C too, for as long as this lives.
struct RawTerminal;

impl RawTerminal {
    fn enter() -> io::Result<Self> {
        crossterm::terminal::enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // The terminal is gone when this fails.
        let _gone = crossterm::terminal::disable_raw_mode();
    }
}

#[cfg(test)]
mod tests {
    use deis_cli::Kind;
    use serde_json::{Value, from_value, json};

    use super::*;

    fn kind(status: Value) -> (Kind, String) {
        let failure = ended(from_value(status).unwrap(), "bash", "deis-router-x").unwrap_err();
        (failure.kind(), failure.summary())
    }

    #[test]
    fn a_programs_exit_code_becomes_ours() {
        assert!(ended(from_value(json!({ "status": "Success" })).unwrap(), "sh", "x").is_ok());
        let causes = json!([{ "reason": "ExitCode", "message": "42" }]);
        let status = json!({ "status": "Failure", "reason": "NonZeroExitCode", "details": { "causes": causes } });
        assert_eq!(kind(status).0, Kind::Ended(42));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let message = r#"exec: "bash": executable file not found in $PATH"#;
        let (kind, summary) = kind(json!({ "status": "Failure", "reason": "InternalError", "message": message }));
        assert_eq!(kind, Kind::Error);
        assert_eq!(summary, format!("cannot run bash in pod deis-router-x: {message}"));
    }
}
