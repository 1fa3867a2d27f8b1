//! Processes that somebody is connected with: the test is the process.

use std::sync::Arc;

use deis_api::session::Size;
use deis_workflow::deploy::EffectError;
use deis_workflow::runs::{Attached, Connected};
use futures_util::FutureExt as _;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::oneshot;

use super::TestCluster;

/// The process's own ends of a connection.
pub(crate) struct Process {
    /// Where it runs.
    pub(crate) pod: String,
    /// What it was started with, if it is one more in its pod.
    pub(crate) command: Vec<String>,
    pub(crate) has_terminal: bool,
    stdin: DuplexStream,
    stdout: DuplexStream,
    stderr: DuplexStream,
    sizes: Arc<Mutex<Vec<Size>>>,
    exit: oneshot::Sender<i32>,
}

impl Process {
    pub(crate) async fn prints(&mut self, text: &str) {
        self.stdout.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn complains(&mut self, text: &str) {
        self.stderr.write_all(text.as_bytes()).await.unwrap();
    }

    /// Waits until this is there to be read, and nothing before it.
    pub(crate) async fn reads(&mut self, text: &str) {
        let mut read = vec![0; text.len()];
        self.stdin.read_exact(&mut read).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&read), text);
    }

    /// Waits until there is no more to be read.
    pub(crate) async fn reads_to_the_end(&mut self) {
        let mut rest = Vec::new();
        self.stdin.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"");
    }

    /// The sizes that its terminal has had.
    pub(crate) fn sizes(&self) -> Vec<String> {
        self.sizes.lock().iter().map(|size| format!("{}x{}", size.columns, size.rows)).collect()
    }

    /// It ends; one more in a pod with this exit code.
    pub(crate) fn ends(self, code: i32) {
        let _nobody_listens = self.exit.send(code);
    }
}

impl TestCluster {
    pub(super) fn connect(&self, pod: &str, command: Vec<String>, has_terminal: bool) -> Connected<'_> {
        let ((stdin, own_stdin), (stdout, own_stdout), (stderr, own_stderr)) = (duplex(64), duplex(64), duplex(64));
        let sizes = Arc::<Mutex<Vec<Size>>>::default();
        let (exit, exited) = oneshot::channel();
        let process = Process {
            pod: pod.to_owned(),
            command,
            has_terminal,
            stdin: own_stdin,
            stdout: own_stdout,
            stderr: own_stderr,
            sizes: Arc::clone(&sizes),
            exit,
        };
        self.state.lock().processes.push(process);
        self.touch();
        let attached = Attached {
            stdin: Box::new(stdin),
            stdout: Box::new(stdout),
            stderr: (!has_terminal).then(|| Box::new(stderr) as _),
            resize: has_terminal.then(|| {
                Box::new(move |size| {
                    sizes.lock().push(size);
                    futures_util::future::ready(()).boxed()
                }) as _
            }),
            exit_code: Box::pin(async move { exited.await.map_err(|_| "it broke".to_owned()) }),
            connection: Box::new(()),
        };
        Box::pin(async move { Ok::<_, EffectError>(attached) })
    }

    /// The next process that somebody is connected with.
    pub(crate) async fn process(&self) -> Process {
        self.eventually(|cluster| !cluster.state.lock().processes.is_empty()).await;
        self.state.lock().processes.remove(0)
    }
}
