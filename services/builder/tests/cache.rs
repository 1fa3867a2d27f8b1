//! What one build leaves for the next one.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

mod common;

use common::{Behaviour, Builder, Repository};

const SOURCE: &[(&str, &str)] = &[("Procfile", "web: go-example\n")];

/// Pushes a new commit, and expects it to be deployed.
async fn push(builder: &Builder, repository: &Repository, app: &str) -> Vec<String> {
    let key = builder.root.path().join("jhansen-ed25519");
    if !key.exists() {
        builder.user("jhansen", "ed25519").await;
    }
    repository.commit(&[("count", &uuid::Uuid::new_v4().to_string())]).await;
    let ended = builder.push(repository, &key, app, &["master"]).await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    ended.remote()
}

/// What the last pod was given.
fn given(builder: &Builder) -> Vec<String> {
    let cache = builder.runner.seen().cache;
    let name = |layer: &deis_proto::builder::CacheLayer| format!("{}:{}", layer.buildpack, layer.name);
    cache.iter().map(|(layer, bytes, _)| format!("{}={}", name(layer), String::from_utf8_lossy(bytes))).collect()
}

#[tokio::test]
async fn the_second_push_finds_what_the_first_has_cached() {
    let builder = Builder::start().await;
    let repository = builder.repository("source", SOURCE).await;
    builder.runner.behave(Behaviour::Caches("modules of the first"));
    let lines = push(&builder, &repository, "app").await;
    assert!(given(&builder).is_empty());
    assert_eq!(
        lines[1..4],
        ["-----> Go app detected", "-----> Saving cache (20B)", "-----> Compiled slug size is 104B"]
    );

    builder.runner.behave(Behaviour::Keeps);
    let lines = push(&builder, &repository, "app").await;
    assert_eq!(given(&builder), ["deis/go:modules=modules of the first"]);
    let (layer, bytes, end) = builder.runner.seen().cache.remove(0);
    assert_eq!(layer.metadata, "[metadata]\ngo = \"1.23\"\n");
    assert_eq!(end.digest, deis_oci::Digest::of(&bytes).to_string());
    assert!(!lines.iter().any(|line| line.contains("cache")), "nothing new, nothing said: {lines:?}");

    // Nobody else's build sees it, and a new builder on the same volume does.
    builder.runner.behave(Behaviour::Builds);
    push(&builder, &repository, "app-two").await;
    assert!(given(&builder).is_empty());
    let builder = builder.restart().await;
    for file in ["jhansen-ed25519", "jhansen-ed25519.pub"] {
        std::fs::remove_file(builder.root.path().join(file)).unwrap();
    }
    builder.runner.behave(Behaviour::Caches("modules of the third"));
    push(&builder, &repository, "app").await;
    assert_eq!(given(&builder), ["deis/go:modules=modules of the first"]);
    push(&builder, &repository, "app").await;
    assert_eq!(given(&builder), ["deis/go:modules=modules of the third"]);
    // What no build says again is forgotten.
    builder.runner.behave(Behaviour::Builds);
    push(&builder, &repository, "app").await;
    push(&builder, &repository, "app").await;
    assert!(given(&builder).is_empty());
}

#[tokio::test]
async fn a_cache_that_cannot_be_saved_costs_a_line() {
    let builder = Builder::start_with(&["--max-cache-bytes=10"]).await;
    let repository = builder.repository("source", SOURCE).await;
    for (behaviour, line) in [
        (Behaviour::Caches("more than ten bytes"), "       The cache is not saved: it is bigger than 0 MiB, packed."),
        (Behaviour::LiesAboutCache, "       The cache is not saved: its content is not what it is said to be."),
        (Behaviour::Keeps, "       The cache is not saved: a layer that was kept is gone."),
    ] {
        builder.runner.behave(behaviour);
        let lines = push(&builder, &repository, "app").await;
        assert_eq!(lines[2], line);
    }
    push(&builder, &repository, "app").await;
    assert!(given(&builder).is_empty());
}

#[tokio::test]
async fn a_config_variable_turns_it_off() {
    let builder = Builder::start().await;
    let repository = builder.repository("source", SOURCE).await;
    builder.runner.behave(Behaviour::Caches("modules"));
    push(&builder, &repository, "app").await;
    assert_eq!(builder.runner.seen().spec.unwrap().max_cache_bytes, 512 << 20);
    builder.controller.environment.lock().insert("DEIS_DISABLE_CACHE".to_owned(), String::new());
    push(&builder, &repository, "app").await;
    assert_eq!((given(&builder).len(), builder.runner.seen().spec.unwrap().max_cache_bytes), (0, 0));
    // What was cached before is gone for good, and nothing was cached meanwhile.
    builder.controller.environment.lock().clear();
    push(&builder, &repository, "app").await;
    assert!(given(&builder).is_empty());
}
