use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use tempfile::TempDir;
use tokio::process::Command;

use super::{App, Following, Output, Platform, Terminal};

/// No command of a developer takes longer.
const LIMIT: Duration = Duration::from_secs(300);

/// Somebody with an account, an SSH key and a home of his own, who types commands.
pub(crate) struct Developer<'a> {
    platform: &'a Platform,
    home: TempDir,
    pub(crate) name: String,
}

/// A folder with a git repository in it.
pub(crate) struct Repository<'a> {
    developer: &'a Developer<'a>,
    folder: TempDir,
}

impl<'a> Developer<'a> {
    /// Makes an account with a fresh name, logs in, makes and uploads an SSH key.
    pub(crate) async fn register(platform: &'a Platform, name: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let unique = home.path().file_name().unwrap().to_string_lossy().replace(['.', '_'], "").to_lowercase();
        let developer = Self { platform, home, name: format!("{name}-{unique}") };

        let controller = format!("http://deis.{}", platform.domain);
        let email = format!("--email={}@example.com", developer.name);
        let username = format!("--username={}", developer.name);
        let register = ["register", &controller, &username, "--password=correct horse", &email];
        drop(developer.deis(&register).await.succeeded());

        let ssh = developer.home.path().join(".ssh");
        std::fs::create_dir(&ssh).unwrap();
        let key = ssh.join("id_ed25519");
        let key = key.to_string_lossy();
        let keygen = ["-q", "-t", "ed25519", "-N", "", "-C", &developer.name, "-f", &key];
        drop(developer.run("ssh-keygen", developer.home.path(), keygen).await.succeeded());
        drop(developer.deis(&["keys:add", &format!("{key}.pub")]).await.succeeded());
        developer
    }

    /// The administrator whom the platform was installed with, logged in.
    pub(crate) async fn administrator(platform: &'a Platform) -> Self {
        let account = platform.own::<Secret>().get("deis-admin").await.unwrap().data.unwrap();
        let text = |key: &str| String::from_utf8(account.get(key).unwrap().0.clone()).unwrap();
        let developer = Self { platform, home: tempfile::tempdir().unwrap(), name: text("username") };
        let controller = format!("http://deis.{}", platform.domain);
        let (username, password) =
            (format!("--username={}", developer.name), format!("--password={}", text("password")));
        drop(developer.deis(&["login", &controller, &username, &password]).await.succeeded());
        developer
    }

    /// The controller's address and the token that `deis` remembers.
    pub(crate) fn login(&self) -> (String, String) {
        let file = std::fs::read(self.home.path().join(".deis/client.json")).unwrap();
        let login: serde_json::Value = serde_json::from_slice(&file).unwrap();
        let text = |key: &str| login.get(key).and_then(serde_json::Value::as_str).unwrap().to_owned();
        (text("controller"), text("token"))
    }

    /// Runs `deis` outside any repository.
    pub(crate) async fn deis(&self, arguments: &[&str]) -> Output {
        self.run(&binary("deis"), self.home.path(), arguments).await
    }

    /// A repository with a copy of one of `examples/`, committed on `master`.
    pub(crate) async fn repository(&self, example: &str) -> Repository<'_> {
        let repository = Repository { developer: self, folder: tempfile::tempdir().unwrap() };
        copy(&root().join("examples").join(example), repository.folder.path());
        drop(repository.git(&["init", "--quiet", "--initial-branch=master"]).await.succeeded());
        drop(repository.commit("First version").await);
        repository
    }

    /// An app that runs one of `examples/`, with the repository it was pushed from.
    pub(crate) async fn pushed_app(&self, example: &str) -> (Repository<'_>, App<'_>) {
        let repository = self.repository(example).await;
        let app = repository.pushed_app().await;
        (repository, app)
    }

    /// A repository of the Go example with another program in its place, and its commit.
    pub(crate) async fn program(&self, source: &str) -> (Repository<'_>, String) {
        let repository = self.repository("go").await;
        std::fs::write(repository.path().join("main.go"), source).unwrap();
        std::fs::remove_file(repository.path().join("main_test.go")).unwrap();
        let commit = repository.commit("Another program").await;
        (repository, commit)
    }

    async fn run<S: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        folder: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Output {
        let mut command = self.command(program, folder, arguments);
        let text = format!("{:?}", command.as_std());
        let output = deis_bootstrap::deadline(LIMIT, command.output()).await;
        let output = output.unwrap_or_else(|late| panic!("{text}: {late}")).unwrap();
        Output {
            command: text,
            status: output.status,
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn command<S: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        folder: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let ssh = "ssh -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=\"$HOME/.ssh/known_hosts\" \
                   -o IdentitiesOnly=yes -i \"$HOME/.ssh/id_ed25519\"";
        #[expect(clippy::disallowed_methods, reason = "the commands a developer types")]
        let mut command = Command::new(&program);
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("PATH", format!("{}:{}", binaries().display(), std::env::var("PATH").unwrap()))
            .env("HOME", self.home.path())
            .env("GIT_SSH_COMMAND", ssh)
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_TERMINAL_PROMPT", "0"), ("LC_ALL", "C.UTF-8")])
            .envs([("GIT_AUTHOR_NAME", "Developer"), ("GIT_AUTHOR_EMAIL", "developer@example.com")])
            .envs([("GIT_COMMITTER_NAME", "Developer"), ("GIT_COMMITTER_EMAIL", "developer@example.com")])
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

impl<'a> Repository<'a> {
    /// A new app that runs what is committed.
    pub(crate) async fn pushed_app(&self) -> App<'a> {
        let created = self.deis(&["create"]).await.succeeded();
        let app = App::named_in(self.developer.platform, &created.stdout);
        drop(self.git(&["push", "deis", "master"]).await.succeeded());
        app
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn git(&self, arguments: &[&str]) -> Output {
        self.developer.run("git", self.path(), arguments).await
    }

    pub(crate) async fn deis(&self, arguments: &[&str]) -> Output {
        self.developer.run(&binary("deis"), self.path(), arguments).await
    }

    /// `deis logs --follow` with more arguments.
    pub(crate) fn follow_logs(&self, arguments: &[&str]) -> Following {
        let arguments = [&["logs", "--follow"], arguments].concat();
        Following::start(self.developer.command(binary("deis"), self.path(), arguments))
    }

    /// `deis` with these words on a terminal of its own, 80 columns wide.
    pub(crate) fn on_terminal(&self, words: &str) -> Terminal {
        let device = self.developer.home.path().join("terminal");
        let line =
            format!("tty > '{}'; stty cols 80 rows 24; exec '{}' {words}", device.display(), binary("deis").display());
        let arguments = ["-qefc", &line, "/dev/null"];
        let mut command = self.developer.command("script", self.path(), arguments);
        command.env("SHELL", "/bin/sh").env("TERM", "xterm");
        Terminal::start(command, device)
    }

    /// `deis` with these arguments, which is given `input`.
    pub(crate) async fn deis_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let file = self.developer.home.path().join("input");
        std::fs::write(&file, input).unwrap();
        let line = format!("exec '{}' \"$@\" < '{}'", binary("deis").display(), file.display());
        let arguments = [&["-c", &line, "deis"], arguments].concat();
        self.developer.run("/bin/sh", self.path(), arguments).await
    }

    /// `git push deis master`, to be read line by line.
    pub(crate) fn following_push(&self) -> Following {
        Following::errors_of(self.developer.command("git", self.path(), ["push", "deis", "master"]))
    }

    /// Commits everything that is there and returns the commit's id.
    pub(crate) async fn commit(&self, message: &str) -> String {
        drop(self.git(&["add", "--all"]).await.succeeded());
        drop(self.git(&["commit", "--quiet", "--allow-empty", "--message", message]).await.succeeded());
        self.git(&["rev-parse", "HEAD"]).await.succeeded().stdout.trim().to_owned()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn binaries() -> PathBuf {
    root().join("target/bin")
}

fn binary(name: &str) -> PathBuf {
    let path = binaries().join(name);
    assert!(path.exists(), "{} is missing: run `make test`", path.display());
    path
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
