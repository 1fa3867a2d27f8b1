//! The builder dies on either side of every effect of a push, and starts again on the same volume: nothing acknowledged is lost,
//! nothing is left behind, and the next push works.
//!
//! The real process, as the first one of a PID namespace of its own, so that its gits die with it as they do in a container;
//! around it the contracts of those whom it leans on, over real connections.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests assert by panicking"
)]

#[path = "../common/mod.rs"]
mod common;
mod kubernetes;
mod pair;
mod process;
mod services;

use std::path::PathBuf;
use std::sync::Arc;

use common::{Behaviour, Builder, Client, Repository};
use kubernetes::Kubernetes;
use process::Process;
use services::State;

const SOURCE: &[(&str, &str)] = &[("Procfile", "web: serve\n")];

/// The first point behind which the controller has the build.
const ACCEPTED: &str = "push.create-build.after";

/// The first point behind which the ref has moved.
const MOVED: &str = "push.move-ref.after";

struct Platform {
    clients: Builder,
    key: PathBuf,
    kubernetes: Arc<Kubernetes>,
    state: Arc<State>,
    process: Process,
}

impl Platform {
    async fn start() -> Self {
        let mut clients = Builder::elsewhere().await;
        let key = clients.user("jhansen", "ed25519").await;
        let kubernetes = Kubernetes::start(&clients).await;
        let state = Arc::new(State::default());
        services::start(&clients, &state).await;
        let process = Process::start(&clients).await;
        clients.ssh = process.ssh;
        Self { clients, key, kubernetes, state, process }
    }

    async fn push(&self, repository: &Repository, app: &str) -> common::Ended {
        self.clients.push(repository, &self.key, app, &["master"]).await
    }

    async fn restart(&mut self) {
        self.process = Process::start(&self.clients).await;
        self.clients.ssh = self.process.ssh;
    }

    fn builds(&self, app: &str) -> usize {
        self.clients.controller.builds().iter().filter(|build| build.app.as_str() == app).count()
    }

    /// Dies at the point in the midst of a push, starts again, and pushes once more.
    async fn die_at(&mut self, point: &str, has_accepted: bool, has_moved: bool) {
        let app = point.replace('.', "-");
        let repository = self.clients.repository(&app, SOURCE).await;
        let sha = repository.git(&["rev-parse", "HEAD"]).await;
        let fails = point.contains("record-failure");
        if fails {
            self.kubernetes.behave_for(&app, Behaviour::Fails);
        }
        self.process.arm(point).await;
        let (ended, status) =
            tokio::join!(self.clients.push(&repository, &self.key, &app, &["master"]), self.process.died());
        assert!(!status.success(), "{point}: {status:?}");
        // Whoever hears that a push was done hears the truth.
        if ended.status == Some(0) {
            assert!(has_moved, "{point}: {ended:?}");
        }
        let left = self.state.alive();
        self.restart().await;

        // What was in the way of somebody else is gone, or is held by a lease that nobody renews.
        self.kubernetes.empty().await;
        assert_eq!(self.builds(&app), usize::from(has_accepted), "{point}");
        let expected = has_moved.then(|| sha.clone());
        assert_eq!(self.clients.reference(&app, "refs/heads/master").await, expected, "{point}");
        self.kubernetes.behave_for(&app, Behaviour::Builds);
        let again = if self.state.is_held(&app) {
            let mut again = Client::new(self.clients.begin_push(&repository, &self.key, &app));
            again.prints("The builder was restarted during a push of jhansen; waiting until its lock ends").await;
            self.state.expire(&left);
            again.prints("The lock has ended; the push goes on.").await;
            again.ended().await
        } else {
            self.state.expire(&left);
            self.push(&repository, &app).await
        };
        assert_eq!(again.status, Some(0), "{point}: {again:?}");
        assert_eq!(self.clients.reference(&app, "refs/heads/master").await, Some(sha), "{point}");
        let next = repository.commit(&[("more", "more")]).await;
        let ended = self.push(&repository, &app).await;
        assert_eq!(ended.status, Some(0), "{point}: {ended:?}");
        assert_eq!(self.clients.reference(&app, "refs/heads/master").await, Some(next), "{point}");
        self.state.free(&app).await;
        self.kubernetes.empty().await;
        assert_eq!(self.clients.leftovers(), Vec::<PathBuf>::new(), "{point}");
    }
}

#[tokio::test]
async fn at_every_point_of_a_push() {
    let mut platform = Platform::start().await;
    let points = points();
    let place = |name: &str| points.iter().position(|point| point == name).unwrap();
    for (index, point) in points.iter().enumerate() {
        let fails = point.contains("record-failure");
        platform.die_at(point, !fails && index >= place(ACCEPTED), !fails && index >= place(MOVED)).await;
    }
    // The process knows these points, and no other.
    let mut known = platform.process.points().await;
    let mut listed = points.clone();
    known.sort();
    listed.sort();
    assert_eq!(known, listed);
}

/// In the order in which a push comes by.
fn points() -> Vec<String> {
    let effects = [
        "acquire-lock",
        "make-repository",
        "start-pod",
        "store-image",
        "save-cache",
        "remove-pod",
        "create-build",
        "deploy",
        "set-head",
        "move-ref",
        "release-lock",
        "record-failure",
    ];
    effects.iter().flat_map(|effect| ["before", "after"].map(|side| format!("push.{effect}.{side}"))).collect()
}

/// What is shipped cannot be made to die.
#[test]
fn the_builder_has_no_failpoints() {
    let has = |program: &str, text: &str| {
        let program = std::fs::read(program).unwrap();
        program.windows(text.len()).any(|window| window == text.as_bytes())
    };
    for text in ["push.create-build", "failpoint"] {
        assert!(has(env!("CARGO_BIN_EXE_builder-failpoints"), text), "{text}");
        assert!(!has(env!("CARGO_BIN_EXE_builder"), text), "{text}");
    }
}
