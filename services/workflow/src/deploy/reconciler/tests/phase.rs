use super::*;

impl Sandbox {
    /// A deploy whose build has a release command.
    fn with_phase(ends: PhaseState) -> Self {
        let sandbox = Self::upgrading(Fate::Serves);
        {
            let mut state = sandbox.0.lock();
            state.phase = ReleasePhase::ToRun;
            state.phase_ends = ends;
        }
        sandbox
    }
}

#[tokio::test]
async fn the_release_command_runs_before_anything_else() {
    let sandbox = Sandbox::with_phase(PhaseState::Succeeded);
    let told = settle(&sandbox).await;
    assert_eq!(told[0], "running the release command");
    let log = sandbox.log();
    assert_eq!(
        log[..4],
        ["prepare v2", "run the release command of v2", "the release command of v2 is done", "create v2 web"]
    );
    assert_eq!(sandbox.0.lock().cluster.replicas(), ["v2 web 2"]);
    let plain = Sandbox::upgrading(Fate::Serves);
    settle(&plain).await;
    assert_eq!(sandbox.0.lock().now, plain.0.lock().now, "no watch tells that it is done, and none is waited for");
}

#[tokio::test]
async fn a_release_command_that_fails_deploys_nothing() {
    let sandbox = Sandbox::with_phase(PhaseState::Failed(Some(3)));
    settle(&sandbox).await;
    let log = sandbox.log();
    assert_eq!(log[1..3], ["run the release command of v2", "v2 failed: release-phase-failed [\"last words\"]"]);
    assert!(!log.iter().any(|line| line.starts_with("create") || line.contains(" web to ")), "{log:?}");
    assert_eq!(sandbox.0.lock().cluster.replicas(), ["v1 web 2"]);
}

#[tokio::test]
async fn a_release_command_runs_once_though_the_process_is_killed_anywhere() {
    for ends in [PhaseState::Succeeded, PhaseState::Failed(None)] {
        let whole = Sandbox::with_phase(ends.clone());
        settle(&whole).await;
        for survived in 0..whole.log().len() {
            let sandbox = Sandbox::with_phase(ends.clone());
            sandbox.0.lock().dies_after = Some(survived);
            assert!(
                reconcile(&sandbox, &app(), &Told::default(), &mut Footprint::default()).await.is_err(),
                "survived {survived} writes"
            );
            sandbox.0.lock().dies_after = None;
            settle(&sandbox).await;
            let runs = sandbox.log().iter().filter(|line| line.starts_with("run the release command")).count();
            assert_eq!(runs, 1, "survived {survived} writes");
            assert_eq!(sandbox.0.lock().cluster.replicas(), whole.0.lock().cluster.replicas());
        }
    }
}

/// Its pod may be gone by then: a node was drained.
#[tokio::test]
async fn a_release_command_that_is_done_is_not_run_again() {
    let sandbox = Sandbox::with_phase(PhaseState::Succeeded);
    sandbox.0.lock().phase = ReleasePhase::Done;
    settle(&sandbox).await;
    assert!(!sandbox.log().iter().any(|line| line.starts_with("run the release command")));
}
