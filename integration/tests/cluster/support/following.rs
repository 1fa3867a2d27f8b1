use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader, Lines};
use tokio::process::{Child, Command};

/// How long a line may take that is sure to come.
const LIMIT: Duration = Duration::from_secs(120);

/// A command that goes on printing; it is killed when this is dropped.
pub(crate) struct Following {
    child: Child,
    lines: Lines<BufReader<Box<dyn AsyncRead + Send + Unpin>>>,
}

impl Following {
    pub(super) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        Self::reading(child, Box::new(stdout))
    }

    /// As [`start`](Self::start), for a command that talks on its standard error.
    pub(super) fn errors_of(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        Self::reading(child, Box::new(stderr))
    }

    fn reading(child: Child, output: Box<dyn AsyncRead + Send + Unpin>) -> Self {
        Self { child, lines: BufReader::new(output).lines() }
    }

    /// Reads what comes until the command ends.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let rest = async {
            while let Ok(Some(_line)) = self.lines.next_line().await {}
            self.child.wait().await.unwrap()
        };
        let status = deis_bootstrap::deadline(LIMIT, rest).await;
        status.unwrap_or_else(|late| panic!("it does not end: {late}"))
    }

    pub(crate) async fn next(&mut self) -> String {
        self.line().await.expect("it goes on printing")
    }

    /// Reads until a line has this in it; returns all that were read.
    pub(crate) async fn until(&mut self, part: &str) -> Vec<String> {
        let mut read = Vec::new();
        while !read.last().is_some_and(|line: &String| line.contains(part)) {
            match self.line().await {
                Some(line) => read.push(line),
                None => panic!("it ended before {part:?}: {read:#?}"),
            }
        }
        read
    }

    /// The next line; none when it has ended.
    async fn line(&mut self) -> Option<String> {
        let next = deis_bootstrap::deadline(LIMIT, self.lines.next_line()).await;
        next.unwrap_or_else(|late| panic!("no line: {late}")).unwrap()
    }
}
