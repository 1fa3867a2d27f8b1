//! Two builders over one volume.

use std::path::PathBuf;
use std::sync::Arc;

use deis_api::Code;
use deis_proto::builder::app_service_client::AppServiceClient;
use deis_proto::builder::{CancelBuildRequest, DeleteAppRequest};
use deis_rpc::Fault;
use tokio::sync::Notify;

use super::common::{Behaviour, Client, Ended, Repository};
use super::process::Process;
use super::{Platform, SOURCE};

struct Pair {
    platform: Platform,
    other: Process,
}

impl Pair {
    async fn start() -> Self {
        let platform = Platform::start().await;
        let other = Process::start(&platform.clients).await;
        platform.kubernetes.looked_at(2).await;
        Self { platform, other }
    }

    fn begin_push(&self, process: &Process, repository: &Repository, app: &str) -> Client {
        self.platform.clients.begin_push_at(process.ssh.port(), repository, &self.platform.key, app)
    }

    async fn push(&self, process: &Process, repository: &Repository, app: &str) -> Ended {
        self.begin_push(process, repository, app).ended().await
    }

    /// A push by the first builder that is in the middle of its build, and what has it go on.
    async fn building(&self, repository: &Repository, app: &str) -> (Client, Arc<Notify>) {
        let go_on = Arc::new(Notify::new());
        self.platform.kubernetes.behave_for(app, Behaviour::After(Arc::clone(&go_on)));
        let mut push = self.begin_push(&self.platform.process, repository, app);
        push.prints("-----> Go app detected").await;
        (push, go_on)
    }

    fn apps(&self, process: &Process) -> AppServiceClient<deis_rpc::Client> {
        AppServiceClient::new(self.platform.clients.connect_to(process.services, "workflow"))
    }

    /// Nothing is in anybody's way.
    async fn at_rest(&self, app: &str) {
        self.platform.state.free(app).await;
        self.platform.kubernetes.empty().await;
        assert_eq!(self.platform.clients.leftovers(), Vec::<PathBuf>::new());
    }
}

#[tokio::test]
async fn one_that_starts_takes_nothing_from_one_that_builds() {
    let platform = Platform::start().await;
    platform.kubernetes.looked_at(1).await;
    let repository = platform.clients.repository("source", SOURCE).await;
    let go_on = Arc::new(Notify::new());
    platform.kubernetes.behave_for("app", Behaviour::After(Arc::clone(&go_on)));
    let key = platform.key.clone();
    let mut push = platform.clients.begin_push_at(platform.process.ssh.port(), &repository, &key, "app");
    push.prints("-----> Go app detected").await;
    let other = Process::start(&platform.clients).await;
    platform.kubernetes.looked_at(2).await;
    // It serves another app meanwhile, whose pod alone it removes.
    let pair = Pair { platform, other };
    let ended = pair.push(&pair.other, &pair.platform.clients.repository("two", SOURCE).await, "two").await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    pair.platform.kubernetes.has(1).await;
    go_on.notify_one();
    let ended = push.ended().await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let sha = repository.git(&["rev-parse", "HEAD"]).await;
    assert_eq!(pair.platform.clients.reference("app", "refs/heads/master").await, Some(sha));
    pair.at_rest("app").await;
}

#[tokio::test]
async fn one_that_is_to_end_takes_no_more_pushes_and_ends_those_that_it_has() {
    let mut pair = Pair::start().await;
    let repository = pair.platform.clients.repository("source", SOURCE).await;
    let (push, go_on) = pair.building(&repository, "app").await;
    pair.platform.process.terminate();
    let other = pair.platform.clients.repository("two", SOURCE).await;
    // As soon as it has heard.
    while !pair.push(&pair.platform.process, &other, "two").await.stderr.contains("Connection refused") {}
    assert_eq!(pair.push(&pair.other, &other, "two").await.status, Some(0));
    // Who has it can still be asked to end it.
    let cancellation = CancelBuildRequest { app: "two".to_owned(), username: "owner".to_owned() };
    let refused = pair.apps(&pair.platform.process).cancel_build(cancellation).await.unwrap_err();
    assert_eq!(Fault::from(&refused).code, Code::NotFound);
    go_on.notify_one();
    let ended = push.ended().await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(pair.platform.process.died().await.success());
    pair.at_rest("app").await;
}

#[tokio::test]
async fn of_two_pushes_to_one_app_one_is_told_who_and_since_when() {
    let pair = Pair::start().await;
    let repository = pair.platform.clients.repository("source", SOURCE).await;
    let (push, go_on) = pair.building(&repository, "app").await;
    let refused = pair.push(&pair.other, &repository, "app").await;
    let sentence =
        "Another git push is ongoing: jhansen, since 23:07:35 UTC. Push again when it has ended. (push-in-progress)";
    assert!(refused.status != Some(0) && refused.stderr.contains(sentence), "{refused:?}");
    go_on.notify_one();
    let ended = push.ended().await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    pair.platform.state.free("app").await;
    // Whichever is asked next: they see the same repository, and the same cache.
    pair.platform.kubernetes.behave_for("app", Behaviour::Caches("modules"));
    repository.commit(&[("more", "more")]).await;
    assert_eq!(pair.push(&pair.other, &repository, "app").await.status, Some(0));
    pair.platform.state.free("app").await;
    let sha = repository.commit(&[("more", "and more")]).await;
    assert_eq!(pair.push(&pair.platform.process, &repository, "app").await.status, Some(0));
    assert_eq!(pair.platform.kubernetes.seen("app").cache[0].1, b"modules");
    assert_eq!(pair.platform.clients.reference("app", "refs/heads/master").await, Some(sha));
    pair.at_rest("app").await;
}

#[tokio::test]
async fn what_a_builder_leaves_that_was_killed_the_other_one_clears_away() {
    let mut pair = Pair::start().await;
    let repository = pair.platform.clients.repository("source", SOURCE).await;
    let (push, _never) = pair.building(&repository, "app").await;
    pair.platform.process.kill().await;
    assert_ne!(push.ended().await.status, Some(0));
    pair.platform.kubernetes.has(1).await;
    pair.platform.kubernetes.behave_for("app", Behaviour::Builds);
    let mut again = pair.begin_push(&pair.other, &repository, "app");
    again
        .prints("The builder was restarted during a push of jhansen; waiting until its lock ends, at most 30 s.")
        .await;
    // The pod of the one that died is gone before its lock ends.
    pair.platform.kubernetes.empty().await;
    let waiting = pair.platform.state.newest();
    let mut left = pair.platform.state.alive();
    left.remove(&waiting);
    pair.platform.state.expire(&left);
    again.prints("The lock has ended; the push goes on.").await;
    let ended = again.ended().await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let sha = repository.git(&["rev-parse", "HEAD"]).await;
    assert_eq!(pair.platform.clients.reference("app", "refs/heads/master").await, Some(sha));
    pair.at_rest("app").await;
}

#[tokio::test]
async fn an_app_is_not_destroyed_under_a_push_of_the_other_one() {
    let pair = Pair::start().await;
    let repository = pair.platform.clients.repository("source", SOURCE).await;
    let (push, _never) = pair.building(&repository, "app").await;
    let request = || DeleteAppRequest { app: "app".to_owned() };
    let there = pair.platform.clients.root.path().join("data/repositories/app.git");
    let mut other = pair.apps(&pair.other);
    let elsewhere = other.delete_app(request());
    let here = async {
        pair.platform.state.waited_for("app").await;
        assert!(there.exists());
        pair.apps(&pair.platform.process).delete_app(request()).await
    };
    let (elsewhere, here) = tokio::join!(elsewhere, here);
    elsewhere.unwrap();
    here.unwrap();
    let ended = push.ended().await;
    let line = " !     The build was cancelled: the app was destroyed. (build-cancelled)";
    assert!(ended.status == Some(1) && ended.remote().contains(&line.to_owned()), "{ended:?}");
    assert!(!there.exists());
    pair.at_rest("app").await;
}

/// Also of a push whose build is over, and of one whose client still sends.
#[tokio::test]
async fn a_push_to_an_app_that_is_destroyed_ends_wherever_it_is() {
    let pair = Pair::start().await;
    let repository = pair.platform.clients.repository("source", SOURCE).await;
    let never = Arc::new(Notify::new());
    pair.platform.clients.controller.answers.lock().push(super::common::Answer::After(never));
    let push = pair.begin_push(&pair.platform.process, &repository, "app");
    pair.platform.clients.controller.builds_reach(1).await;
    let request = DeleteAppRequest { app: "app".to_owned() };
    pair.apps(&pair.platform.process).delete_app(request).await.unwrap();
    let ended = push.ended().await;
    // Its build was through.
    let line = "The push was cancelled: the app was destroyed. (build-cancelled)";
    assert!(ended.status == Some(1) && ended.stderr.contains(line), "{ended:?}");
    pair.at_rest("app").await;
}

/// The controller asks each of them.
#[tokio::test]
async fn a_build_is_cancelled_by_the_builder_that_has_it() {
    let pair = Pair::start().await;
    let repository = pair.platform.clients.repository("source", SOURCE).await;
    let (push, _never) = pair.building(&repository, "app").await;
    let request = || CancelBuildRequest { app: "app".to_owned(), username: "owner".to_owned() };
    let refused = pair.apps(&pair.other).cancel_build(request()).await.unwrap_err();
    assert_eq!(Fault::from(&refused).code, Code::NotFound);
    pair.apps(&pair.platform.process).cancel_build(request()).await.unwrap();
    assert!(push.ended().await.stderr.contains("Build cancelled by owner."));
    pair.at_rest("app").await;
}
