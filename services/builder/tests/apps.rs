//! What the controller asks about an app's belongings.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

mod common;

use common::{Behaviour, Builder, Cncf};
use deis_api::Code;
use deis_proto::builder::app_service_client::AppServiceClient;
use deis_proto::builder::{CancelBuildRequest, ClearCacheRequest, DeleteAppRequest};
use deis_rpc::Fault;

const SOURCE: &[(&str, &str)] = &[("Procfile", "web: go-example\n")];

fn client(builder: &Builder) -> AppServiceClient<deis_rpc::Client> {
    AppServiceClient::new(builder.connect_as("workflow"))
}

fn cancellation(app: &str) -> CancelBuildRequest {
    CancelBuildRequest { app: app.to_owned(), username: "owner".to_owned() }
}

#[tokio::test]
async fn a_build_is_cancelled() {
    let builder = Builder::start().await;
    let key = builder.user("jhansen", "ed25519").await;
    let repository = builder.repository("source", SOURCE).await;
    let sha = repository.git(&["rev-parse", "HEAD"]).await;
    let refused = client(&builder).cancel_build(cancellation("app")).await.unwrap_err();
    assert_eq!((Fault::from(&refused).code, refused.message()), (Code::NotFound, "No build of app is running."));

    builder.runner.behave(Behaviour::Hangs);
    let push = builder.push(&repository, &key, "app", &["master"]);
    let cancel = async {
        builder.runner.sees(|seen| seen.lines == 1).await;
        let other = client(&builder).cancel_build(cancellation("app-two")).await.unwrap_err();
        assert_eq!(other.code(), tonic::Code::NotFound);
        let cancelled = client(&builder).cancel_build(cancellation("app")).await.unwrap().into_inner();
        (cancelled.sha, builder.runner.seen().removed)
    };
    let (ended, (cancelled, removed)) = tokio::join!(push, cancel);
    assert_eq!((cancelled, removed), (sha.clone(), 1), "the pod is gone when the answer comes");
    assert_eq!(ended.status, Some(1));
    assert_eq!(ended.remote().last().unwrap(), " !     Build cancelled by owner. (build-cancelled)");
    assert!(builder.controller.builds().is_empty());
    assert_eq!(builder.reference("app", "refs/heads/master").await, None);
    let failed = builder.controller.failed.lock().remove(0);
    assert_eq!((failed.code, failed.message.as_str()), (Code::BuildCancelled, "Build cancelled by owner."));
    assert_eq!((failed.sha.as_str(), failed.user.as_str(), failed.app.as_str()), (sha.as_str(), "jhansen", "app"));
    assert_eq!(
        failed.log,
        "Starting build... but first, coffee!\n-----> Go app detected\n !     Build cancelled by owner. (build-cancelled)\n"
    );
    // And the next push is not.
    builder.runner.behave(Behaviour::Builds);
    assert_eq!(builder.push(&repository, &key, "app", &["master"]).await.status, Some(0));
}

#[tokio::test]
async fn builds_have_a_log_and_failed_ones_are_told() {
    let builder = Builder::start().await;
    let key = builder.user("jhansen", "ed25519").await;
    let repository = builder.repository("source", SOURCE).await;
    builder.runner.behave(Behaviour::Fails);
    builder.push(&repository, &key, "app", &["master"]).await;
    builder.push(&repository, &key, "app", &["master"]).await;
    let failed = builder.controller.failed.lock().clone();
    assert_eq!(failed.len(), 2);
    assert_ne!(failed[0].request_key, failed[1].request_key);
    let line = " !     The Go buildpack ended with exit status 1. (build-failed)";
    assert_eq!(failed[0].log, format!("Starting build... but first, coffee!\n-----> Go app detected\n{line}\n"));
    assert_eq!(
        (failed[0].code, failed[0].message.as_str()),
        (Code::BuildFailed, "The Go buildpack ended with exit status 1.")
    );

    builder.runner.behave(Behaviour::Builds);
    builder.push(&repository, &key, "app", &["master"]).await;
    let log = builder.controller.builds().remove(0).log;
    assert_eq!(
        log.lines().collect::<Vec<_>>(),
        [
            "Starting build... but first, coffee!",
            "-----> Go app detected",
            "-----> Compiled slug size is 104B",
            "Build complete.",
            "Launching App...",
        ]
    );
    assert_eq!(builder.controller.failed.lock().len(), 2);
}

#[tokio::test]
async fn the_cache_is_cleared() {
    let builder = Builder::start().await;
    let key = builder.user("jhansen", "ed25519").await;
    let repository = builder.repository("source", SOURCE).await;
    builder.runner.behave(Behaviour::Caches("modules"));
    builder.push(&repository, &key, "app", &["master"]).await;
    let request = || ClearCacheRequest { app: "app".to_owned() };
    assert!(client(&builder).clear_cache(request()).await.unwrap().into_inner().bytes >= 7);
    assert_eq!(client(&builder).clear_cache(request()).await.unwrap().into_inner().bytes, 0);
    repository.commit(&[("more", "")]).await;
    builder.push(&repository, &key, "app", &["master"]).await;
    assert!(builder.runner.seen().cache.is_empty());
}

#[tokio::test]
async fn nothing_is_left_of_an_app_that_was_destroyed() {
    let registry = Cncf::start().await;
    let arguments = registry.arguments();
    let builder = Builder::start_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let key = builder.user("jhansen", "ed25519").await;
    let repository = builder.repository("source", SOURCE).await;
    let request = || DeleteAppRequest { app: "app".to_owned() };
    client(&builder).delete_app(request()).await.unwrap();

    builder.runner.behave(Behaviour::Caches("modules"));
    for app in ["app", "app-two"] {
        let ended = builder.push(&repository, &key, app, &["master"]).await;
        assert_eq!(ended.status, Some(0), "{ended:?}");
    }
    let build = builder.controller.builds().remove(0);
    let digest = build.image.strip_prefix("127.0.0.1:5555/app@").unwrap();
    assert_eq!(registry.get(&format!("app/manifests/{digest}")).await.0, 200);
    for _ in 0..2 {
        client(&builder).delete_app(request()).await.unwrap();
        assert_eq!(registry.get(&format!("app/manifests/{digest}")).await.0, 404);
        let tags = registry.json("app/tags/list").await;
        assert!(tags["tags"].as_array().is_none_or(Vec::is_empty), "{tags}");
        for gone in ["repositories/app.git", "cache/app"] {
            assert!(!builder.root.path().join("data").join(gone).exists());
        }
    }
    // The other app has the same layers, and loses none.
    assert_eq!(registry.get(&format!("app-two/manifests/{digest}")).await.0, 200);
    assert!(builder.reference("app-two", "refs/heads/master").await.is_some());
    // The name may be used again.
    assert_eq!(builder.push(&repository, &key, "app", &["master"]).await.status, Some(0));
    assert_eq!(registry.get(&format!("app/manifests/{digest}")).await.0, 200);
}

#[tokio::test]
async fn a_destroyed_app_is_not_built_any_more() {
    let registry = Cncf::start().await;
    let arguments = registry.arguments();
    let builder = Builder::start_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let key = builder.user("jhansen", "ed25519").await;
    let repository = builder.repository("source", SOURCE).await;
    builder.runner.behave(Behaviour::Hangs);
    let push = builder.push(&repository, &key, "app", &["master"]);
    let delete = async {
        builder.runner.sees(|seen| seen.lines == 1).await;
        client(&builder).delete_app(DeleteAppRequest { app: "app".to_owned() }).await.unwrap();
    };
    let (ended, ()) = tokio::join!(push, delete);
    let line = " !     The build was cancelled: the app was destroyed. (build-cancelled)";
    assert!(ended.status == Some(1) && ended.remote().contains(&line.to_owned()), "{ended:?}");
}

#[tokio::test]
async fn others_may_not_ask_and_names_are_checked() {
    let builder = Builder::start().await;
    let mut router = AppServiceClient::new(builder.connect_as("router"));
    let refused = router.clear_cache(ClearCacheRequest { app: "app".to_owned() }).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    for app in ["", "../app", "App", "app.git"] {
        let refused = client(&builder).delete_app(DeleteAppRequest { app: app.to_owned() }).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{app}");
    }
}
