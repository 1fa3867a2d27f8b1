use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long anything may take that is sure to be shown.
const LIMIT: Duration = Duration::from_secs(120);

/// A command on a terminal of its own, and whoever sits there; it is killed when this is dropped.
pub(crate) struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: ChildStdout,
    /// What was shown and not yet looked at.
    shown: String,
    /// A file with the name of the terminal's device.
    device: PathBuf,
}

impl Terminal {
    pub(super) fn start(mut command: Command, device: PathBuf) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (keys, screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, keys, screen, shown: String::new(), device }
    }

    pub(crate) async fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).await.unwrap();
    }

    /// Waits until this is shown; answers all that was before it.
    pub(crate) async fn shows(&mut self, text: &str) -> String {
        loop {
            if let Some((before, after)) = self.shown.clone().split_once(text) {
                after.clone_into(&mut self.shown);
                return before.to_owned();
            }
            assert!(self.reads().await, "it ended before {text:?} was shown: {:?}", self.shown);
        }
    }

    /// Makes the window another size, as a person with a mouse does.
    pub(crate) async fn resizes(&self, columns: u16, rows: u16) {
        let device = std::fs::read_to_string(&self.device).unwrap();
        #[expect(clippy::disallowed_methods, reason = "what a terminal does itself")]
        let mut stty = Command::new("stty");
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let resized = stty.args(["-F", device.trim(), "cols", &columns, "rows", &rows]).status().await.unwrap();
        assert!(resized.success());
    }

    /// Waits until it ends; answers the exit code and what was shown to the end.
    pub(crate) async fn ends(mut self) -> (Option<i32>, String) {
        while self.reads().await {}
        let ended = deis_bootstrap::deadline(LIMIT, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|late| panic!("it does not end: {late}")).unwrap();
        (ended.code(), self.shown)
    }

    /// Whether there is more.
    async fn reads(&mut self) -> bool {
        let mut piece = [0; 4096];
        let read = deis_bootstrap::deadline(LIMIT, self.screen.read(&mut piece)).await;
        let read = read.unwrap_or_else(|late| panic!("nothing more is shown: {late}: {:?}", self.shown)).unwrap();
        self.shown.push_str(&String::from_utf8_lossy(piece.get(..read).unwrap_or_default()));
        read > 0
    }
}
