//! `git push` from the outside: what people see, and what is left when it is over.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

mod common;

use std::sync::Arc;

use common::{Behaviour, Builder};
use deis_api::Code;
use deis_builder::ports::DeployEvent;
use tokio::sync::Notify;

const SOURCE: &[(&str, &str)] = &[("Procfile", "web: go-example\n"), ("main.go", "package main\n")];

#[tokio::test]
async fn a_push_becomes_a_release() {
    let builder = Builder::start().await;
    let key = builder.user("jhansen", "ed25519").await;
    let repository = builder.repository("source", SOURCE).await;
    let sha = repository.git(&["rev-parse", "HEAD"]).await;

    let ended = builder.push(&repository, &key, "earthy-instinct", &["master"]).await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(
        ended.remote(),
        [
            "Starting build... but first, coffee!",
            "-----> Go app detected",
            "-----> Compiled slug size is 104B",
            "Build complete.",
            "Launching App...",
            "       web: 1 of 1 pods ready",
            "Done, earthy-instinct:v2 deployed to Deis",
            "",
            "Use 'deis open' to view this application in your browser",
            "",
        ]
    );
    assert!(ended.stderr.contains(" * [new branch]      master -> master"), "{ended:?}");
    assert_eq!(builder.reference("earthy-instinct", "refs/heads/master").await, Some(sha.clone()));

    let seen = builder.runner.seen();
    assert_eq!((seen.broken, seen.removed), (None, 1));
    assert!(String::from_utf8_lossy(&seen.head).contains("web: go-example"));
    let spec = seen.spec.unwrap();
    assert_eq!((spec.sha.as_str(), spec.environment["POWERED_BY"].as_str()), (sha.as_str(), "Kubernetes"));

    let build = builder.controller.builds().remove(0);
    assert_eq!(
        (build.user.as_str(), build.app.as_str(), build.sha.as_str()),
        ("jhansen", "earthy-instinct", sha.as_str())
    );
    assert_eq!((build.processes["web"].as_str(), build.detected.as_str()), ("go-example", "Go"));
    let digest = build.image.strip_prefix("127.0.0.1:5555/earthy-instinct@").unwrap();
    let manifest = builder.registry.manifest("earthy-instinct", digest).unwrap();
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 2);
    let config = builder.registry.blob(manifest["config"]["digest"].as_str().unwrap());
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["config"]["Entrypoint"][0], "/cnb/lifecycle/launcher");
    assert_eq!(config["config"]["Env"][0], "STACK=bookworm");

    let clone = common::run(
        "git",
        &["clone", "--quiet", &builder.url("earthy-instinct"), "copy"],
        builder.root.path(),
        &builder.git_env(&key),
    )
    .await;
    assert_eq!(clone.status, Some(0), "{clone:?}");
    assert_eq!(std::fs::read_to_string(builder.root.path().join("copy/Procfile")).unwrap(), "web: go-example\n");
    let again = builder.push(&repository, &key, "earthy-instinct", &["master"]).await;
    assert!(again.stderr.contains("Everything up-to-date"), "{again:?}");
    builder.stop().await;
}

#[tokio::test]
async fn every_kind_of_key_and_both_branches() {
    let builder = Builder::start().await;
    for (kind, branch) in [("ed25519", "main"), ("ecdsa", "master"), ("rsa", "main")] {
        let key = builder.user(&format!("user-{kind}"), kind).await;
        let repository = builder.repository(kind, SOURCE).await;
        let ended = builder.push(&repository, &key, kind, &[&format!("master:{branch}")]).await;
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert_eq!(builder.controller.builds().pop().unwrap().user.as_str(), format!("user-{kind}"));
    }
    // The run image's layer came from the stack's repository for all but the first app, and none was sent twice.
    assert_eq!(builder.registry.content.lock().uploads, 1 + 3 * 2);
}

#[tokio::test]
async fn a_failed_deploy_is_explained_and_may_be_pushed_again() {
    let builder = Builder::start().await;
    let key = builder.user("jhansen", "ed25519").await;
    let repository = builder.repository("source", SOURCE).await;
    let failed = DeployEvent::Failed {
        code: Code::ProcessExited,
        message: "web ends again and again: exit status 1.".to_owned(),
        log_tail: vec!["panic: no database".to_owned()],
    };
    let created = DeployEvent::ReleaseCreated(2.try_into().unwrap());
    builder.controller.answers.lock().push(common::Answer::Events(vec![created, failed]));
    let ended = builder.push(&repository, &key, "app", &["master"]).await;
    assert_eq!(ended.status, Some(1));
    let lines = ended.remote();
    assert_eq!(
        lines[lines.len() - 2..],
        ["       panic: no database", " !     web ends again and again: exit status 1. (process-exited)"]
    );
    assert_eq!(builder.push(&repository, &key, "app", &["master"]).await.status, Some(0));
}

#[tokio::test]
async fn a_controller_that_restarts_is_asked_again_for_the_same_release() {
    let builder = Builder::start().await;
    let key = builder.user("jhansen", "ed25519").await;
    let repository = builder.repository("source", SOURCE).await;
    let created = DeployEvent::ReleaseCreated(2.try_into().unwrap());
    let step = |text: &str| DeployEvent::Step(text.to_owned());
    let deployed = DeployEvent::Deployed(2.try_into().unwrap());
    builder.controller.answers.lock().extend([
        common::Answer::Events(vec![created.clone(), step("web: 1 of 2 pods ready")]),
        common::Answer::Events(vec![created, step("web: 1 of 2 pods ready"), step("web: 2 of 2 pods ready"), deployed]),
    ]);
    let ended = builder.push(&repository, &key, "app", &["master"]).await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let steps = ended.remote().into_iter().filter(|line| line.contains("ready")).collect::<Vec<_>>();
    assert_eq!(steps, ["       web: 1 of 2 pods ready", "       web: 2 of 2 pods ready"]);
    let builds = builder.controller.builds();
    assert_eq!((builds.len(), &builds[0].request_key), (2, &builds[1].request_key));
}

#[tokio::test]
async fn a_build_ends_with_the_builder() {
    let builder = Builder::start_with(&["--shutdown-after=1"]).await;
    let key = builder.user("jhansen", "ed25519").await;
    let repository = builder.repository("source", SOURCE).await;
    builder.runner.behave(Behaviour::Hangs);
    let stop = async {
        builder.runner.sees(|seen| seen.lines == 1).await;
        builder.stop().await;
    };
    let (ended, ()) = tokio::join!(builder.push(&repository, &key, "app", &["master"]), stop);
    let line = " !     The build was cancelled: the builder is restarting; push again in a moment. (build-cancelled)";
    assert_eq!((ended.status, ended.remote().last().unwrap().as_str()), (Some(1), line));
}

#[tokio::test]
async fn a_deploy_goes_on_without_the_one_who_pushed() {
    let builder = Builder::start().await;
    let key = builder.user("jhansen", "ed25519").await;
    let repository = builder.repository("source", SOURCE).await;
    let sha = repository.git(&["rev-parse", "HEAD"]).await;
    let go_on = Arc::new(Notify::new());
    builder.controller.answers.lock().push(common::Answer::After(Arc::clone(&go_on)));
    let client =
        common::command("git", &["push", &builder.url("app"), "master"], &repository.path, &builder.git_env(&key))
            .spawn()
            .unwrap();
    builder.controller.builds_reach(1).await;
    common::interrupt(client).await;
    go_on.notify_one();
    builder.locks.all_free().await;
    assert_eq!(builder.reference("app", "refs/heads/master").await, Some(sha));
    builder.stop().await;
}

/// A git that dies with the builder leaves its locks and the objects that it had not taken yet.
#[tokio::test]
async fn what_a_killed_git_left_is_in_nobodys_way() {
    let builder = Builder::start().await;
    let key = builder.user("jhansen", "ed25519").await;
    let repository = builder.repository("source", SOURCE).await;
    assert_eq!(builder.push(&repository, &key, "app", &["master"]).await.status, Some(0));
    let app = builder.root.path().join("data/repositories/app.git");
    for lock in ["HEAD.lock", "packed-refs.lock", "refs/heads/master.lock"] {
        std::fs::write(app.join(lock), "").unwrap();
    }
    std::fs::create_dir_all(app.join("objects/tmp_objdir-incoming-x/pack")).unwrap();
    assert_eq!(builder.leftovers().len(), 4);

    let builder = builder.restart().await;
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    builder.controller.register("jhansen", public.split(' ').nth(1).unwrap());
    let sha = repository.commit(&[("more.txt", "more")]).await;
    let ended = builder.push(&repository, &key, "app", &["master"]).await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(builder.reference("app", "refs/heads/master").await, Some(sha));
    builder.locks.all_free().await;
    assert!(builder.leftovers().is_empty(), "{:?}", builder.leftovers());
}
