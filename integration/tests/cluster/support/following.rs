use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// How long a line may take that is sure to come.
const LIMIT: Duration = Duration::from_secs(120);

/// A command that goes on printing; it is killed when this is dropped.
pub(crate) struct Following {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Following {
    pub(super) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { _child: child, lines }
    }

    pub(crate) async fn next(&mut self) -> String {
        let next = deis_bootstrap::deadline(LIMIT, self.lines.next_line()).await;
        next.unwrap_or_else(|late| panic!("no line: {late}")).unwrap().expect("it goes on printing")
    }

    /// Reads until a line has this in it; returns all that were read.
    pub(crate) async fn until(&mut self, part: &str) -> Vec<String> {
        let mut read = Vec::new();
        while !read.last().is_some_and(|line: &String| line.contains(part)) {
            read.push(self.next().await);
        }
        read
    }
}
