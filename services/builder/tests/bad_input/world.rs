//! A builder, and how a row of a table is run and judged.

use std::path::PathBuf;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::common::{self, Behaviour, Builder, Ended, Repository};

/// Rows that run at a time.
const CONCURRENCY: usize = 4;

/// One row: what is wrong, and a future of what people read.
pub(super) type Row<'a> = BoxFuture<'a, String>;

pub(super) struct World {
    pub(super) builder: Builder,
    pub(super) key: PathBuf,
    problems: Mutex<Vec<String>>,
}

/// A push, with what is wrong with it.
pub(super) struct Push {
    pub(super) what: &'static str,
    pub(super) files: &'static [(&'static str, &'static str)],
    /// git commands in the repository, before the push.
    pub(super) prepared: &'static [&'static [&'static str]],
    /// Refs that are pushed before, and must be taken.
    pub(super) first: &'static [&'static str],
    pub(super) behaviour: Behaviour,
    pub(super) options: &'static [&'static str],
    pub(super) refspecs: &'static [&'static str],
    pub(super) env: &'static [(&'static str, &'static str)],
    pub(super) works: bool,
}

impl Default for Push {
    fn default() -> Self {
        Self {
            what: "",
            files: &[("Procfile", "web: serve\n")],
            prepared: &[],
            first: &[],
            behaviour: Behaviour::Builds,
            options: &[],
            refspecs: &["master"],
            env: &[],
            works: false,
        }
    }
}

/// What there is of an app.
#[derive(Debug, PartialEq)]
struct State {
    refs: String,
    builds: usize,
    failed: Vec<String>,
}

impl World {
    pub(super) async fn start(arguments: &[&str]) -> Self {
        let builder = Builder::start_with(arguments).await;
        let key = builder.user("jhansen", "ed25519").await;
        Self { builder, key, problems: Mutex::default() }
    }

    /// Runs rows, some at a time; one line for each, in their order. Fails when one was not as it should be, or left something.
    pub(super) async fn table<'a>(&'a self, rows: impl IntoIterator<Item = Row<'a>>) -> Vec<String> {
        let lines = futures_util::stream::iter(rows).buffered(CONCURRENCY).collect::<Vec<_>>().await;
        self.end().await;
        tell(lines.len());
        lines
    }

    /// Nothing is left: no lock, no pod, no file.
    pub(super) async fn end(&self) {
        self.builder.locks.all_free().await;
        let seen = self.builder.runner.sees(|seen| seen.started == seen.removed).await;
        assert_eq!(seen.started, seen.removed);
        assert_eq!(self.builder.leftovers(), Vec::<PathBuf>::new());
        let problems = self.problems.lock();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    pub(super) fn problem(&self, text: String) {
        self.problems.lock().push(text);
    }

    pub(super) async fn repository(&self, app: &str, files: &[(&str, &str)]) -> Repository {
        self.builder.repository(app, files).await
    }

    pub(super) async fn push(&self, push: Push) -> String {
        let app = app(push.what);
        let repository = self.repository(&app, push.files).await;
        for arguments in push.prepared {
            repository.git(arguments).await;
        }
        if !push.first.is_empty() {
            let first = self.builder.push(&repository, &self.key, &app, push.first).await;
            assert_eq!(first.status, Some(0), "{first:?}");
            repository.commit(&[("more", "more")]).await;
        }
        self.builder.runner.behave_for(&app, push.behaviour);
        let url = self.builder.url(&app);
        let arguments = ["push"].iter().chain(push.options).copied().chain([url.as_str()]);
        let arguments = arguments.chain(push.refspecs.iter().copied()).collect::<Vec<_>>();
        let mut env = self.builder.git_env(&self.key);
        env.extend(push.env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.judged(push.what, push.works, || common::run("git", &arguments, &repository.path, &env)).await
    }

    /// Runs a client and says what people read. What it works on is the app that is called as the row is.
    pub(super) async fn judged<F: Future<Output = Ended>>(
        &self,
        what: &str,
        works: bool,
        client: impl FnOnce() -> F,
    ) -> String {
        let app = app(what);
        let before = self.state(&app).await;
        let ended = client().await;
        self.builder.locks.free(&app).await;
        let after = self.state(&app).await;
        let new = after.failed[before.failed.len()..].join(", ");
        let recorded = if new.is_empty() { String::new() } else { format!(" [recorded: {new}]") };
        let status = ended.status.map_or("ended by a signal".to_owned(), |status| status.to_string());
        let line = format!("{what}: {status}{recorded} {}", text(&ended, works));
        if works != (ended.status == Some(0)) {
            self.problem(format!("not as it should be: {line}\n{ended:?}"));
        }
        let builds = before.builds + usize::from(works);
        if after.builds != builds || works == (after.refs == before.refs) {
            self.problem(format!("a ref without its build, or the reverse: {line}: {before:?}, then {after:?}"));
        }
        line
    }

    async fn state(&self, app: &str) -> State {
        let path = self.builder.root.path().join(format!("data/repositories/{app}.git"));
        let refs =
            if path.exists() { common::run("git", &["for-each-ref"], &path, &[]).await.stdout } else { String::new() };
        let builds = self.builder.controller.builds().iter().filter(|build| build.app.as_str() == app).count();
        let failed = self.builder.controller.failed.lock();
        let failed = failed.iter().filter(|build| build.app.as_str() == app);
        State { refs, builds, failed: failed.map(|build| build.code.to_string()).collect() }
    }
}

/// Says how many rows a table has.
#[expect(clippy::print_stdout, reason = "a test says what it has held")]
pub(super) fn tell(rows: usize) {
    println!("{rows} rows");
}

/// The app that a row works on.
pub(super) fn app(what: &str) -> String {
    let name = what.to_lowercase().replace(|character: char| !character.is_ascii_alphanumeric(), "-");
    name.chars().take(40).collect::<String>().trim_matches('-').to_owned()
}

/// What people read, without what git says every time.
fn text(ended: &Ended, works: bool) -> String {
    const ALWAYS: [&str; 8] = [
        "Warning: Permanently added",
        "hint: ",
        "To ssh://",
        "error: failed to push some refs",
        "Please make sure you have the correct access",
        "and the repository exists.",
        "fatal: Could not read from remote repository.",
        "fatal: the remote end hung up unexpectedly",
    ];
    let mut refusals = Vec::new();
    let mut others = Vec::new();
    for line in ended.stderr.lines() {
        match line.strip_prefix("remote: ").map(str::trim_end) {
            Some(line) if line.starts_with(" !") || (works && line.starts_with("Done")) => {
                refusals.push(line.trim().to_owned());
            }
            Some(line) if line.starts_with("fatal:") || line.starts_with("error:") => others.push(line.to_owned()),
            // What comes beside git, over SSH's own standard error.
            None if line.starts_with(" !     ") => refusals.push(line.trim().to_owned()),
            None if !works && !line.trim().is_empty() && !ALWAYS.iter().any(|always| line.starts_with(always)) => {
                others.push(line.trim().to_owned());
            }
            _ => {}
        }
    }
    // After a sentence of the builder's, git's own about the same adds nothing.
    let mut lines = if refusals.is_empty() { others } else { refusals };
    lines.extend(ended.stdout.lines().filter(|line| !line.is_empty()).map(|line| format!("(stdout) {line}")));
    lines.dedup();
    lines.join(" | ")
}

/// Settings that leave out what differs from run to run.
pub(super) fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    for (pattern, text) in [
        (r"[0-9a-f]{64}|[0-9a-f]{40}", "[sha]"),
        (r"127\.0\.0\.1:\d+", "[address]"),
        (r"127\.0\.0\.1 port \d+", "[address]"),
        // How broken bytes are broken is zlib's business.
        (r"(error: inflate[^|]*\| )+", "error: inflate | "),
    ] {
        settings.add_filter(pattern, text);
    }
    settings
}

/// Compares the lines with the test's snapshot.
macro_rules! assert_lines {
    ($lines:expr) => {
        crate::world::settings().bind(|| insta::assert_snapshot!($lines.join("\n")))
    };
}
pub(super) use assert_lines;
