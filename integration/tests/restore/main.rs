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

use crate::support::{App, Developer, Output, Platform, until_answers};

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

    let restored = document(&deisctl(&["restore", "--output=json", place]).await.succeeded());
    assert_eq!((&restored["restored"], &restored["apps"]), (&true.into(), &backup["apps"]), "{restored}");
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
    let commit = repository.commit("After the restore").await;
    drop(repository.git(&["push", "deis", "master"]).await.succeeded());
    assert_eq!(app.controllers().await, [("v4-web".to_owned(), 1)]);
    app.was_pushed(&commit, true);
    platform.agree().await;

    // A platform with apps is left alone, unless it is said otherwise: then it is as it was, in spite of what was deployed since.
    let refused = deisctl(&["restore", place]).await.failed(1);
    assert!(refused.stderr.contains("Code: failed-precondition"), "{refused}");
    drop(deisctl(&["restore", "--overwrite", place]).await.succeeded());
    platform.acknowledged(&app.name, |known| *known = Acknowledged::default());
    app.eventually_controllers("the release of the backup is back", |found| found == [("v3-web".to_owned(), 1)]).await;
    serves(&app, &platform, "Powered by Kubernetes\n").await;
    assert_eq!(app.releases(&repository).await, releases);
    drop(repository.deis(&["destroy", "--confirm", &app.name]).await.succeeded());
    drop(deisctl(&["config", "workflow", "rm", "registration-mode"]).await.succeeded());
}

async fn serves(app: &App<'_>, platform: &Platform, text: &str) {
    until_answers(&format!("http://{}.{}/", app.name, platform.domain), 200).await;
    assert_eq!(app.get().await, (200, text.to_owned()));
}

fn document(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn deisctl(arguments: &[&str]) -> Output {
    run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/deisctl"), arguments).await
}

async fn helm(arguments: &[&str]) -> Output {
    run(&upstream("helm"), arguments).await
}

fn upstream(program: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("DEIS_UPSTREAM").expect("run `make test`")).join(program)
}

async fn run(program: &Path, arguments: &[&str]) -> Output {
    #[expect(clippy::disallowed_methods, reason = "the tests run the programs that people run")]
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).env("DEISCTL_HELM", upstream("helm")).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    Output { command: format!("{} {}", program.display(), arguments.join(" ")), status: output.status, stdout, stderr }
}
