//! Programs in the pods of the data stores and of the builder: fixed scripts, and everybody else's text only as their arguments.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::AttachParams;
use kube::{Api, Client};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use crate::cluster::KubeError;
use crate::components::{Component, find};
use crate::inventory::{InventoryError, look};

/// What is kept between a program and us, in bytes.
const BUFFER: usize = 256 * 1024;
/// Longest answer that is kept as text.
const MAX_ANSWER: u64 = 64 << 20;
/// How much of what a program complains about is told.
const MAX_COMPLAINT: usize = 2000;

pub(crate) type Reader = Pin<Box<dyn AsyncRead + Send>>;
pub(crate) type Writer = Pin<Box<dyn AsyncWrite + Send>>;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ShellError {
    #[error(transparent)]
    Look(#[from] InventoryError),
    #[error("no pod of component {0} is ready")]
    NoPod(&'static str),
    #[error("cannot run a program in pod {0}")]
    Start(String, #[source] KubeError),
    #[error("the connection to the program that {doing} broke off")]
    Broken {
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("the program that {doing} failed ({status}): {complaint}")]
    Failed { doing: &'static str, status: i32, complaint: String },
}

/// A fixed script for `sh`, and what it does: "dumps the ledger".
#[derive(Clone, Copy)]
pub(crate) struct Script {
    pub(crate) doing: &'static str,
    pub(crate) text: &'static str,
}

/// A program that runs.
pub(crate) struct Process {
    pub(crate) stdin: Writer,
    pub(crate) stdout: Reader,
    pub(crate) stderr: Reader,
    /// Its exit status.
    pub(crate) end: BoxFuture<'static, io::Result<i32>>,
}

/// Where scripts run.
pub(crate) trait Shell {
    async fn start(&self, script: Script, arguments: &[&str], has_input: bool) -> Result<Process, ShellError>;

    /// Runs a script while `take` reads what it writes.
    async fn read<T, E: From<ShellError>>(
        &self,
        script: Script,
        arguments: &[&str],
        take: impl AsyncFnOnce(Reader) -> Result<T, E>,
    ) -> Result<T, E> {
        let Process { stdout, stderr, end, .. } = self.start(script, arguments, false).await?;
        let at_end = Arc::new(AtomicBool::new(false));
        let stdout: Reader = Box::pin(Watched { inner: stdout, at_end: Arc::clone(&at_end) });
        let take = async {
            match take(stdout).await {
                // The program is cut short by our going away.
                Err(error) if !at_end.load(Ordering::Relaxed) => Err(error),
                // It wrote too little: it may say why itself.
                taken => Ok(taken),
            }
        };
        let rest = async { Ok(ended(script, end, complaint(stderr).await).await) };
        let (taken, ended) = tokio::try_join!(take, rest)?;
        ended?;
        taken
    }

    /// Runs a script; gives what it wrote.
    async fn ask(&self, script: Script, arguments: &[&str]) -> Result<String, ShellError> {
        self.read(script, arguments, async |stdout| answer(script, stdout).await).await
    }

    /// Runs a script on an input; gives what it wrote. An input that cannot be read to its end is an end of the program too.
    async fn feed(
        &self,
        script: Script,
        arguments: &[&str],
        mut input: impl AsyncRead + Unpin,
    ) -> Result<String, ShellError> {
        let Process { mut stdin, stdout, stderr, end } = self.start(script, arguments, true).await?;
        // With what it writes to: a pipe is at its end when it is dropped.
        let write = async move {
            let mut buffer = vec![0; BUFFER];
            loop {
                let count = input.read(&mut buffer).await?;
                let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
                if stdin.write_all(bytes).await.is_err() {
                    // It has ended, and its status says why.
                    break;
                }
            }
            let _ended = stdin.shutdown().await;
            Ok(())
        };
        let broken = |source| ShellError::Broken { doing: script.doing, source };
        let rest = async {
            let (answer, complaint) = tokio::join!(answer(script, stdout), complaint(stderr));
            ended(script, end, complaint).await?;
            answer
        };
        let written = async { write.await.map_err(broken) };
        let (_written, answer) = tokio::try_join!(written, rest)?;
        Ok(answer)
    }
}

/// Notes when all is read.
struct Watched {
    inner: Reader,
    at_end: Arc<AtomicBool>,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = self.inner.as_mut().poll_read(context, into);
        if matches!(polled, Poll::Ready(Ok(()))) && into.filled().len() == before {
            self.at_end.store(true, Ordering::Relaxed);
        }
        polled
    }
}

async fn answer(script: Script, stdout: Reader) -> Result<String, ShellError> {
    let mut text = String::new();
    let read = stdout.take(MAX_ANSWER).read_to_string(&mut text).await;
    read.map_err(|source| ShellError::Broken { doing: script.doing, source })?;
    Ok(text)
}

/// The beginning of what a program complains about; the rest is read and thrown away.
async fn complaint(mut stderr: Reader) -> String {
    let (mut kept, mut buffer) = (Vec::new(), vec![0; 4096]);
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        let room = MAX_COMPLAINT.saturating_sub(kept.len());
        kept.extend(buffer.iter().take(count.min(room)));
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

async fn ended(script: Script, end: BoxFuture<'static, io::Result<i32>>, complaint: String) -> Result<(), ShellError> {
    let doing = script.doing;
    match end.await.map_err(|source| ShellError::Broken { doing, source })? {
        0 => Ok(()),
        status => Err(ShellError::Failed { doing, status, complaint }),
    }
}

/// A ready pod of a component.
pub(crate) struct PodShell {
    pods: Api<Pod>,
    pub(crate) pod: String,
}

impl PodShell {
    pub(crate) async fn of(component: &'static str, client: &Client, namespace: &str) -> Result<Self, ShellError> {
        let none = || ShellError::NoPod(component);
        let found: &Component = find(component).ok_or_else(none)?;
        let standing = look(client, namespace, found).await?;
        let pod = standing.ready_pod().ok_or_else(none)?.name.clone();
        Ok(Self { pods: Api::namespaced(client.clone(), namespace), pod })
    }
}

impl Shell for PodShell {
    async fn start(&self, script: Script, arguments: &[&str], has_input: bool) -> Result<Process, ShellError> {
        let command = ["sh", "-c", script.text, "sh"].into_iter().chain(arguments.iter().copied());
        let params = AttachParams::default()
            .stdin(has_input)
            .stdout(true)
            .stderr(true)
            .max_stdin_buf_size(BUFFER)
            .max_stdout_buf_size(BUFFER);
        let started = self.pods.exec(&self.pod, command.collect::<Vec<_>>(), &params).await;
        let mut process = started.map_err(|error| ShellError::Start(self.pod.clone(), error.into()))?;
        let stdin: Writer = match process.stdin() {
            Some(stdin) => Box::pin(stdin),
            None => Box::pin(tokio::io::sink()),
        };
        let reader = |stream: Option<_>| -> Reader {
            match stream {
                Some(stream) => Box::pin(stream),
                None => Box::pin(tokio::io::empty()),
            }
        };
        let (stdout, stderr, status) = (reader(process.stdout()), reader(process.stderr()), process.take_status());
        let end = async move {
            let status = match status {
                Some(status) => status.await,
                None => None,
            };
            // Holds the connection until here.
            drop(process);
            status.as_ref().and_then(exit_status).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        };
        Ok(Process { stdin, stdout, stderr, end: Box::pin(end) })
    }
}

/// How a program ended, as the kubelet tells it.
fn exit_status(status: &Status) -> Option<i32> {
    if status.status.as_deref() == Some("Success") {
        return Some(0);
    }
    let causes = status.details.as_ref()?.causes.as_ref()?;
    let code = causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"))?;
    code.message.as_ref()?.parse().ok()
}

/// Programs on this machine stand in for those in pods.
#[cfg(test)]
pub(super) mod local {
    use std::path::PathBuf;
    use std::process::Stdio;

    use super::*;

    pub(in crate::backup) struct LocalShell {
        pub(in crate::backup) folder: PathBuf,
        pub(in crate::backup) environment: Vec<(&'static str, String)>,
    }

    impl Shell for LocalShell {
        async fn start(&self, script: Script, arguments: &[&str], has_input: bool) -> Result<Process, ShellError> {
            #[expect(clippy::disallowed_methods, reason = "a test fixture: fixed program, no user's text")]
            let mut command = tokio::process::Command::new("sh");
            command.args(["-c", script.text, "sh"]).args(arguments).env_clear();
            command.envs(self.environment.iter().map(|(name, value)| (name, value))).current_dir(&self.folder);
            let stdin = if has_input { Stdio::piped() } else { Stdio::null() };
            let child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
            let mut child = child.unwrap();
            let stdin: Writer = match child.stdin.take() {
                Some(stdin) => Box::pin(stdin),
                None => Box::pin(tokio::io::sink()),
            };
            let (stdout, stderr) = (Box::pin(child.stdout.take().unwrap()), Box::pin(child.stderr.take().unwrap()));
            let end = async move { Ok(child.wait().await?.code().unwrap_or(-1)) };
            Ok(Process { stdin, stdout, stderr, end: Box::pin(end) })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn the_kubelet_tells_how_a_program_ended() {
        let of = |status| exit_status(&from_value::<Status>(status).unwrap());
        assert_eq!(of(json!({ "status": "Success" })), Some(0));
        let causes = json!([{ "reason": "ExitCode", "message": "44" }]);
        let failed = json!({ "status": "Failure", "reason": "NonZeroExitCode", "details": { "causes": causes } });
        assert_eq!(of(failed), Some(44));
        assert_eq!(of(json!({ "status": "Failure", "message": "no such container" })), None);
    }
}
