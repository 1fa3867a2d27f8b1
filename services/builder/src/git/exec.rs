//! The git program: argument vectors, an environment of our own, a process group that ends as a whole.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// How git is called, whoever pushes: nothing is read from the system's or a user's configuration.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    settings: Vec<String>,
}

impl Git {
    /// `hooks` is the folder with the hooks of all repositories.
    pub(crate) fn new(hooks: &Path, max_push_bytes: u64) -> Self {
        let settings = [
            format!("core.hooksPath={}", hooks.display()),
            format!("receive.maxInputSize={max_push_bytes}"),
            // Objects that a client would refuse to unpack are refused here, but for what old tools wrote in good faith.
            "receive.fsckObjects=true".to_owned(),
            "receive.fsck.zeroPaddedFilemode=ignore".to_owned(),
            "receive.fsck.missingSpaceBeforeDate=ignore".to_owned(),
            "receive.fsck.badTimezone=ignore".to_owned(),
            // The builder refuses these, in words.
            "receive.shallowUpdate=true".to_owned(),
            // The repositories may belong to another user number: that of the volume.
            "safe.directory=*".to_owned(),
            "protocol.allow=never".to_owned(),
            "tar.umask=0022".to_owned(),
            // Memory does not grow with what is pushed.
            "core.bigFileThreshold=16m".to_owned(),
            "pack.threads=1".to_owned(),
            "pack.windowMemory=64m".to_owned(),
            // Housekeeping happens while the push waits, not behind the back of the next one.
            "gc.autoDetach=false".to_owned(),
            "maintenance.autoDetach=false".to_owned(),
        ];
        Self { settings: settings.to_vec() }
    }

    /// Starts `git {arguments}`, with all three streams in our hands.
    pub(crate) fn start<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        env: &[(&str, &OsStr)],
        stdin: Stdio,
    ) -> io::Result<GitChild> {
        #[expect(clippy::disallowed_methods, reason = "this is the one exec wrapper")]
        let mut command = Command::new("git");
        for setting in &self.settings {
            command.arg("-c").arg(setting);
        }
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .env("HOME", "/nonexistent")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .envs(env.iter().copied())
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        Ok(GitChild { child, group })
    }

    /// Runs `git {arguments}` to its end; the error holds what it printed.
    pub(crate) async fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> io::Result<()> {
        let mut child = self.start(arguments, &[], Stdio::null())?;
        let (_, stdout, stderr) = child.pipes();
        drop(stdout);
        let printed = read_to_limit(stderr).await?;
        match child.wait().await? {
            0 => Ok(()),
            _ => Err(io::Error::other(String::from_utf8_lossy(&printed).trim().to_owned())),
        }
    }
}

/// What a program printed, as far as it is of use in a message; the rest is read and forgotten.
pub(crate) async fn read_to_limit(stream: Option<ChildStderr>) -> io::Result<Vec<u8>> {
    use tokio::io::AsyncReadExt;
    let Some(mut stream) = stream else { return Ok(Vec::new()) };
    let mut printed = Vec::new();
    let mut buffer = vec![0; 4096];
    loop {
        let read = stream.read(&mut buffer).await?;
        match buffer.get(..read) {
            Some(bytes) if read > 0 => {
                let room = 4096_usize.saturating_sub(printed.len());
                printed.extend_from_slice(bytes.get(..room.min(read)).unwrap_or_default());
            }
            _ => return Ok(printed),
        }
    }
}

/// A git that runs. Dropping it ends it and all that it started.
#[derive(Debug)]
pub(crate) struct GitChild {
    child: Child,
    /// None once it was waited for: the number may be somebody else's then.
    group: Option<Pid>,
}

impl GitChild {
    pub(crate) fn pipes(&mut self) -> (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits; its exit status, as a shell would say it.
    pub(crate) async fn wait(&mut self) -> io::Result<u32> {
        let status = self.child.wait().await?;
        self.group = None;
        Ok(status.code().and_then(|code| u32::try_from(code).ok()).unwrap_or(128))
    }
}

impl Drop for GitChild {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // Gone already is fine.
            let _gone = killpg(group, Signal::SIGKILL);
        }
    }
}
