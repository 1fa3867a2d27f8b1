//! The clients of a builder: programs with nothing of this test's own environment.

use std::path::Path;
use std::process::Stdio;

use deis_bootstrap::deadline;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::ChildStderr;

use super::PATIENCE;

/// What a program printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    /// Both streams' text as a person would see it: git prints what the server says to standard error.
    pub(crate) stderr: String,
}

impl Ended {
    /// The lines that the server sent, without git's prefix and the blanks that it pads with.
    pub(crate) fn remote(&self) -> Vec<String> {
        let lines = self.stderr.lines().filter_map(|line| line.strip_prefix("remote: "));
        lines.map(|line| line.trim_end().to_owned()).collect()
    }
}

/// A client that runs.
pub(crate) struct Client {
    child: tokio::process::Child,
    stderr: Lines<BufReader<ChildStderr>>,
    printed: String,
}

impl Client {
    pub(crate) fn new(mut child: tokio::process::Child) -> Self {
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, stderr, printed: String::new() }
    }

    /// Waits for a line with this text.
    pub(crate) async fn prints(&mut self, text: &str) {
        let found = async {
            while let Some(line) = self.stderr.next_line().await.unwrap() {
                self.printed.extend([line.as_str(), "\n"]);
                if line.contains(text) {
                    return true;
                }
            }
            false
        };
        assert!(deadline(PATIENCE, found).await.unwrap_or_default(), "not a word of {text:?}: {}", self.printed);
    }

    /// As Ctrl-C in a terminal does.
    pub(crate) async fn interrupt(self) {
        interrupt(self.child).await;
    }

    pub(crate) async fn ended(mut self) -> Ended {
        while let Some(line) = self.stderr.next_line().await.unwrap() {
            self.printed.extend([line.as_str(), "\n"]);
        }
        let output = deadline(PATIENCE, self.child.wait_with_output()).await.unwrap().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        Ended { status: output.status.code(), stdout, stderr: self.printed }
    }
}

/// As [`run`], with something to read; the output as bytes.
pub(crate) async fn feed(
    program: &str,
    arguments: &[&str],
    folder: &Path,
    env: &[(String, String)],
    input: &[u8],
) -> std::process::Output {
    use tokio::io::AsyncWriteExt as _;
    let mut child = command(program, arguments, folder, env).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let write = async {
        // It may have ended before it read all.
        drop(stdin.write_all(input).await);
        drop(stdin);
    };
    let (output, ()) = tokio::join!(deadline(PATIENCE, child.wait_with_output()), write);
    output.unwrap().unwrap()
}

/// Runs a program to its end, with nothing of this test's own environment.
pub(crate) async fn run(program: &str, arguments: &[&str], folder: &Path, env: &[(String, String)]) -> Ended {
    let output = deadline(PATIENCE, command(program, arguments, folder, env).output()).await.unwrap().unwrap();
    Ended {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[expect(clippy::disallowed_methods, reason = "tests start the clients of the program under test")]
pub(crate) fn command(
    program: &str,
    arguments: &[&str],
    folder: &Path,
    env: &[(String, String)],
) -> tokio::process::Command {
    // A process that was started in the background may not hear SIGINT, and hands that on to what it starts.
    let mut command = tokio::process::Command::new("/usr/bin/env");
    command
        .arg("--default-signal=INT")
        .arg(program)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "Jason")))
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "jason@example.com")))
        // The same commits in every run.
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_DATE"), "1700000000 +0000")))
        .envs(env.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Ends a client and all that it has started, as Ctrl-C in a terminal does.
pub(crate) async fn interrupt(mut client: tokio::process::Child) {
    let group = Pid::from_raw(client.id().unwrap().try_into().unwrap());
    killpg(group, Signal::SIGINT).unwrap();
    client.wait().await.unwrap();
}
