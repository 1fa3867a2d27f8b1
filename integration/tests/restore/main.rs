//! The platform is lost with all its volumes and comes back from a backup. It is the last of all tests: it has the platform for itself,
//! and what other tests have left does not outlive it but for the backup.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "tests assert by panicking")]

#[path = "../cluster/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the other tests on the node need more of it")]
mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use deis_integration::agreement::Acknowledged;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use crate::support::{App, Developer, Output, Platform, until_answers, without_figures};

#[tokio::test]
async fn a_lost_platform_comes_back_from_its_backup() {
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "phoenix").await;
    let (repository, app) = developer.pushed_app("go").await;
    drop(repository.deis(&["config:set", "POWERED_BY=Kubernetes"]).await.succeeded());
    let domain = format!("www.{}.example.com", app.name);
    drop(repository.deis(&["domains:add", &domain]).await.succeeded());
    drop(deisctl(&["config", "workflow", "set", "registration-mode=enabled"]).await.succeeded());
    let releases = app.releases(&repository).await;
    assert_eq!(releases.len(), 3);

    let folder = tempfile::tempdir().unwrap();
    let backups = folder.path().join("backups");
    let place = backups.to_str().unwrap();
    let backup = document(&deisctl(&["backup", "--verify", "--output=json", place]).await.succeeded());
    // Tests before this one have left apps, and some of them had their history rewritten.
    let notices = backup["notices"].to_string();
    assert!(backup["verified"] == true && !notices.contains(&app.name), "{backup}");
    let made = PathBuf::from(backup["backup"].as_str().unwrap());
    assert_eq!((mode(&backups), mode(&made), mode(&made.join("secrets.json"))), (0o700, 0o700, 0o600));

    // To a person; each line is short enough for forty columns.
    let line = format!("backup {}/again", folder.path().display());
    insta::assert_snapshot!("backup", said(&line, false, folder.path()).await);

    // Everything goes: the platform, its volumes and Secrets, and the app.
    let values = folder.path().join("values.yaml");
    let told = helm(&["get", "values", "deis", "--namespace=deis", "--output=yaml"]).await.succeeded().stdout;
    std::fs::write(&values, told).unwrap();
    drop(deisctl(&["uninstall", "--purge", "--confirm=deis"]).await.succeeded());
    drop(run(&upstream("kubectl"), &["delete", "namespace", &app.name]).await.succeeded());
    let start = Instant::now();
    drop(deisctl(&["install", "--values", values.to_str().unwrap()]).await.succeeded());
    let installed = start.elapsed();
    drop(repository.deis(&["whoami"]).await.failed(1));

    // Whoever asks a restore to end is obeyed before anything is in its place.
    let mut restore = Running::start(&["restore", place]);
    restore.says("Ledger... ").await;
    restore.signal("TERM").await;
    let ended = restore.output().await.failed(143);
    assert!(ended.stderr.contains("the platform is as it was"), "{ended}");

    // Somebody makes an app while the backup is brought in.
    let other = Developer::register(&platform, "magpie").await;
    let nest = other.repository("go").await;
    let mut restore = Running::start(&["restore", place]);
    restore.says("Ledger... ").await;
    restore.signal("STOP").await;
    let taken = App::named_in(&platform, &nest.deis(&["create"]).await.succeeded().stdout);
    restore.signal("CONT").await;
    let refused = restore.output().await.failed(1);
    assert!(refused.stdout.contains("Stopping the controller... done"), "it was no app before: {refused}");
    assert!(refused.stderr.contains("has 1 apps") && refused.stderr.contains("the platform is as it was"), "{refused}");
    until_answers(&format!("http://deis.{}/healthz", platform.domain), 200).await;
    drop(nest.git(&["push", "deis", "master"]).await.succeeded());

    let restored = document(&deisctl(&["restore", "--overwrite", "--output=json", place]).await.succeeded());
    assert_eq!((&restored["restored"], &restored["apps"]), (&true.into(), &backup["apps"]), "{restored}");
    let notices = restored["notices"].to_string();
    assert!(
        notices.contains(&format!("no repository of {}; those that there were stand aside", taken.name)),
        "{notices}"
    );
    app.eventually_controllers("the release of the backup is back", |found| found == [("v3-web".to_owned(), 1)]).await;
    serves(&app, &platform, "Powered by Kubernetes\n").await;
    eprintln!(
        "{} bytes: backup {} s, install {} s, restore {} s, serving {} s after the beginning of the install",
        backup["bytes"],
        backup["seconds"],
        installed.as_secs(),
        restored["seconds"],
        start.elapsed().as_secs()
    );

    // The same token, history, domain, setting; the same key, and a builder with the same one.
    let whoami = repository.deis(&["whoami"]).await.succeeded();
    assert!(whoami.stdout.contains(&developer.name), "{whoami}");
    assert_eq!(app.releases(&repository).await, releases);
    assert!(repository.deis(&["domains"]).await.succeeded().stdout.contains(&domain));
    let setting = deisctl(&["config", "workflow", "get", "registration-mode", "--output=json"]).await.succeeded();
    assert_eq!(document(&setting)[0]["value"], "enabled");
    drop(Developer::administrator(&platform).await);

    // Whoever takes the name of an app that the restore has forgotten gets nothing of it.
    drop(run(&upstream("kubectl"), &["delete", "namespace", &taken.name]).await.succeeded());
    let successor = developer.repository("go").await;
    drop(successor.deis(&["create", &taken.name]).await.succeeded());
    assert_eq!(successor.git(&["ls-remote", "deis"]).await.succeeded().stdout, "");
    drop(successor.deis(&["destroy", "--confirm", &taken.name]).await.succeeded());
    taken.was_destroyed(true);
    let commit = repository.commit("After the restore").await;
    drop(repository.git(&["push", "deis", "master"]).await.succeeded());
    assert_eq!(app.controllers().await, [("v4-web".to_owned(), 1)]);
    app.was_pushed(&commit, true);
    platform.agree().await;

    // A platform with apps is left alone, unless it is said otherwise: then it is as it was, in spite of what was deployed since.
    let refused = deisctl(&["restore", place]).await.failed(1);
    assert!(refused.stderr.contains("Code: failed-precondition"), "{refused}");
    let mut restore = Running::start(&["restore", "--overwrite", place]);
    restore.says("Stopping the controller... ").await;
    // Nobody listens from now on, and the terminal is gone.
    restore.closes();
    restore.signal("HUP").await;
    drop(restore.output().await.failed(1));
    platform.acknowledged(&app.name, |known| *known = Acknowledged::default());
    app.eventually_controllers("the release of the backup is back", |found| found == [("v3-web".to_owned(), 1)]).await;
    serves(&app, &platform, "Powered by Kubernetes\n").await;
    assert_eq!(app.releases(&repository).await, releases);

    // To a person at a narrow terminal.
    insta::assert_snapshot!("restore", said(&format!("restore --overwrite {place}"), true, folder.path()).await);
    app.eventually_controllers("the release of the backup is there", |found| found == [("v3-web".to_owned(), 1)]).await;
    serves(&app, &platform, "Powered by Kubernetes\n").await;
    drop(repository.deis(&["destroy", "--confirm", &app.name]).await.succeeded());
    drop(deisctl(&["config", "workflow", "rm", "registration-mode"]).await.succeeded());
}

async fn serves(app: &App<'_>, platform: &Platform, text: &str) {
    until_answers(&format!("http://{}.{}/", app.name, platform.domain), 200).await;
    assert_eq!(app.get().await, (200, text.to_owned()));
}

/// What is said of success to a program, or to a person at a terminal of 40 columns. Notices hang on what other tests have left.
async fn said(line: &str, is_narrow: bool, folder: &Path) -> String {
    let deisctl = built("deisctl");
    let output = if is_narrow {
        let shell = format!("stty cols 40 rows 24; TERM=dumb exec {} {line}", deisctl.display());
        run(Path::new("script"), &["-qefc", &shell, "/dev/null"]).await
    } else {
        run(&deisctl, &line.split(' ').collect::<Vec<_>>()).await
    };
    let shown = without_figures(&output.succeeded().stdout.replace(folder.to_str().unwrap(), ""));
    shown.split_inclusive('\n').filter(|line| !line.starts_with("Notice: ")).collect()
}

fn document(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn deisctl(arguments: &[&str]) -> Output {
    run(&built("deisctl"), arguments).await
}

fn built(program: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug").join(program)
}

/// A `deisctl` that is under way.
struct Running {
    child: Child,
    command: String,
    said: Vec<u8>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let (program, mut command) = command(&built("deisctl"), arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { child, command: program, said: Vec::new() }
    }

    /// Waits until it has said this; it goes on.
    async fn says(&mut self, text: &str) {
        let stdout = self.child.stdout.as_mut().unwrap();
        while !self.said.ends_with(text.as_bytes()) {
            let byte = stdout.read_u8().await;
            self.said.push(byte.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.said))));
        }
    }

    /// Nobody reads what it says any more.
    fn closes(&mut self) {
        drop(self.child.stdout.take());
        drop(self.child.stderr.take());
    }

    async fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        drop(run(Path::new("/bin/kill"), &["-s", signal, &pid]).await.succeeded());
    }

    async fn output(self) -> Output {
        let Output { command, status, stdout, stderr } = ended(self.command, self.child.wait_with_output().await);
        Output { command, status, stdout: String::from_utf8(self.said).unwrap() + &stdout, stderr }
    }
}

async fn helm(arguments: &[&str]) -> Output {
    run(&upstream("helm"), arguments).await
}

fn upstream(program: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("DEIS_UPSTREAM").expect("run `make test`")).join(program)
}

async fn run(program: &Path, arguments: &[&str]) -> Output {
    let (text, mut command) = command(program, arguments);
    ended(text, command.output().await)
}

fn command(program: &Path, arguments: &[&str]) -> (String, Command) {
    #[expect(clippy::disallowed_methods, reason = "the tests run the programs that people run")]
    let mut command = Command::new(program);
    command.args(arguments).env("DEISCTL_HELM", upstream("helm")).stdin(Stdio::null()).kill_on_drop(true);
    (format!("{} {}", program.display(), arguments.join(" ")), command)
}

fn ended(command: String, output: std::io::Result<std::process::Output>) -> Output {
    let output = output.unwrap_or_else(|error| panic!("{command}: {error}"));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    Output { command, status: output.status, stdout, stderr }
}
