use super::*;

impl Sandbox {
    /// Two pods that serve and are to be replaced.
    async fn restarting() -> Self {
        let sandbox = Self::upgrading(Fate::Serves);
        settle(&sandbox).await;
        {
            let mut state = sandbox.0.lock();
            state.restarting = state.uids();
            state.unsettled = Some(3);
            state.log.clear();
        }
        sandbox
    }
}

impl State {
    fn uids(&self) -> BTreeSet<String> {
        self.cluster.controllers.values().flat_map(|controller| &controller.pods).map(|pod| pod.uid.clone()).collect()
    }
}

#[tokio::test]
async fn a_restart_that_was_killed_anywhere_is_finished_by_the_next() {
    let whole = Sandbox::restarting().await;
    settle(&whole).await;
    let written =
        ["prepare v2", "v2 web to 4", "drain 2 pods", "v2 web to 2", "drain 0 pods", "tidy, keep v2", "settled at 3"];
    assert_eq!(whole.log(), written);
    for survived in 0..whole.log().len() {
        let sandbox = Sandbox::restarting().await;
        sandbox.0.lock().dies_after = Some(survived);
        assert!(
            reconcile(&sandbox, &app(), &Told::default(), &mut Footprint::default()).await.is_err(),
            "survived {survived} writes"
        );
        sandbox.0.lock().dies_after = None;
        settle(&sandbox).await;
        let state = sandbox.0.lock();
        assert_eq!(state.cluster.replicas(), ["v2 web 2"]);
        assert!(state.uids().is_disjoint(&state.restarting));
    }
}

#[tokio::test]
async fn a_restart_whose_new_pods_crash_leaves_the_old_ones_alone() {
    let sandbox = Sandbox::restarting().await;
    let before = {
        let mut state = sandbox.0.lock();
        state.cluster.fates.insert(new(), Fate::Fails(Trouble::OutOfMemory));
        state.uids()
    };
    let ending = reconcile(&sandbox, &app(), &Told::default(), &mut Footprint::default()).await.unwrap();
    let Ending::Stuck(failure) = ending else { panic!("{ending:?}") };
    assert_eq!(failure.code, Code::OutOfMemory);
    let state = sandbox.0.lock();
    assert_eq!(state.uids(), before);
    assert_eq!(
        state.log[1..],
        ["v2 web to 4", "spare 2 pods", "drain 2 pods", "v2 web to 2", "drain 0 pods", "tidy, keep v2", "settled at 3",]
    );
}
