//! What is refused, and in which words.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

mod common;

use common::Builder;

const SOURCE: &[(&str, &str)] = &[("index.html", "<h1>Coffee</h1>\n")];

#[tokio::test]
async fn other_refs() {
    let builder = Builder::start().await;
    let key = builder.user("jhansen", "ed25519").await;
    let repository = builder.repository("source", SOURCE).await;
    repository.git(&["tag", "v1"]).await;
    assert_eq!(builder.push(&repository, &key, "app", &["master"]).await.status, Some(0));
    repository.commit(&[("more.txt", "more")]).await;
    let before = builder.reference("app", "refs/heads/master").await;
    for (refspecs, line) in [
        (
            &["master:feature/x"][..],
            " !     Only the branches master and main are built. To deploy this one: git push deis feature/x:master (ref-not-built)",
        ),
        (
            &["v1"],
            " !     Tags are not built. To deploy this one: git push deis v1^{}:refs/heads/master (ref-not-built)",
        ),
        (
            &[":master"],
            " !     The branch master cannot be deleted here: the app's releases refer to it. (ref-not-built)",
        ),
        (
            &["master:main", "master:master"],
            " !     Push either master or main, not both at once: each push is one release. (ref-not-built)",
        ),
        (
            &["master", "v1"],
            " !     Tags are not built. To deploy this one: git push deis v1^{}:refs/heads/master (ref-not-built)",
        ),
    ] {
        let ended = builder.push(&repository, &key, "app", refspecs).await;
        assert_eq!((ended.status, ended.remote()), (Some(1), vec![line.to_owned()]), "{ended:?}");
    }
    assert_eq!(builder.reference("app", "refs/heads/master").await, before);
    assert_eq!(builder.controller.builds().len(), 1);
}

#[tokio::test]
async fn strangers_and_other_peoples_apps() {
    let builder = Builder::start().await;
    let key = builder.user("jhansen", "ed25519").await;
    let stranger = builder.user("stranger", "ecdsa").await;
    let repository = builder.repository("source", SOURCE).await;
    // A key that the controller does not know any more.
    let known = std::fs::read_to_string(stranger.with_extension("pub")).unwrap();
    builder.controller.forget(known.split(' ').nth(1).unwrap());
    let ended = builder.push(&repository, &stranger, "app", &["master"]).await;
    assert_eq!(ended.status, Some(128));
    assert!(ended.stderr.contains("Permission denied (publickey)"), "{ended:?}");

    builder.controller.foreign.lock().insert("shop".to_owned());
    let ended = builder.push(&repository, &key, "shop", &["master"]).await;
    let text = "fatal: remote error: You may not push to shop. Its owner can give you access with deis perms:create.";
    assert!(ended.status == Some(128) && ended.stderr.contains(text), "{ended:?}");
    let ended =
        common::run("git", &["ls-remote", &builder.url("shop")], builder.root.path(), &builder.git_env(&key)).await;
    assert!(ended.status == Some(128) && ended.stderr.contains("You may not read shop."), "{ended:?}");
    // A name that begins like another one's is not that one.
    assert_eq!(builder.push(&repository, &key, "shop-two", &["master"]).await.status, Some(0));
    assert!(!builder.root.path().join("data/repositories/shop.git").exists());

    *builder.controller.unreachable.lock() = true;
    let ended = builder.push(&repository, &key, "app", &["master"]).await;
    let text = "fatal: remote error: The controller cannot be reached. Try again in a moment.";
    assert!(ended.status == Some(128) && ended.stderr.contains(text), "{ended:?}");
}

#[tokio::test]
async fn everything_that_is_not_git() {
    let builder = Builder::start().await;
    let key = builder.user("jhansen", "ed25519").await;
    let not_git = "Only git is served here: try \"git push deis master\".\n";
    let no_app = "No app given: the remote must be of the form ssh://git@host:2222/{app}.git.\n";
    for (command, text) in [
        (&[][..], "There is no shell here. To deploy: git push deis master\n"),
        (&["id"], not_git),
        (&["git-upload-archive '/app.git'"], not_git),
        (&["git-receive-pack '/app.git'; id"], no_app),
        (&["git-receive-pack '../../etc'"], no_app),
        (&["git-upload-pack --help"], no_app),
    ] {
        let ended = builder.ssh(&key, command).await;
        assert_eq!((ended.status, ended.stderr.as_str(), ended.stdout.as_str()), (Some(1), text, ""), "{command:?}");
    }
    // A terminal, a subsystem, a tunnel: no words in SSH, but a refusal.
    let ended = builder.ssh(&key, &["-s", "sftp"]).await;
    assert_ne!(ended.status, Some(0));
    let mut arguments = builder.ssh_options(&key);
    arguments.extend(["-W", "127.0.0.1:1", "git@127.0.0.1"].map(str::to_owned));
    let arguments = arguments.iter().map(String::as_str).collect::<Vec<_>>();
    let ended = common::run("ssh", &arguments, builder.root.path(), &[]).await;
    assert!(ended.status == Some(255) && ended.stderr.contains("stdio forwarding failed"), "{ended:?}");
    // And the builder is still there.
    assert_eq!(builder.ssh(&key, &["id"]).await.stderr, not_git);
}
