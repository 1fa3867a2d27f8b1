use super::*;

impl Sandbox {
    /// An app with a deploy under way that is to be destroyed.
    fn destroying() -> Self {
        let sandbox = Self::upgrading(Fate::Serves);
        sandbox.0.lock().destroying = true;
        sandbox
    }
}

#[tokio::test]
async fn a_destruction_that_was_killed_anywhere_is_finished_by_the_next() {
    for survived in 0..=3 {
        let sandbox = Sandbox::destroying();
        sandbox.0.lock().dies_after = Some(survived);
        let killed = reconcile(&sandbox, &app(), &Told::default(), &mut Footprint::default()).await;
        assert_eq!(killed.is_err(), survived < 3);
        assert_eq!(sandbox.0.lock().forgotten, survived == 3, "the ledger goes last");
        sandbox.0.lock().dies_after = None;
        assert_eq!(
            reconcile(&sandbox, &app(), &Told::default(), &mut Footprint::default()).await.unwrap(),
            Ending::Destroyed
        );
        assert_eq!(sandbox.log()[survived.min(3)..], ["demolish", "let go", "forget"]);
    }
}

#[tokio::test]
async fn a_namespace_that_does_not_go_is_explained_and_nothing_else_is_removed() {
    let sandbox = Sandbox::destroying();
    sandbox.0.lock().kept = Some("Kubernetes still deletes the namespace a: it has the finalizers x/y.".to_owned());
    let told = Told::default();
    let Ending::Stuck(failure) = reconcile(&sandbox, &app(), &told, &mut Footprint::default()).await.unwrap() else {
        panic!("it cannot be gone")
    };
    insta::assert_snapshot!(failure.message, @"Kubernetes still deletes the namespace a: it has the finalizers x/y. It is deleted as soon as nothing keeps it; ask your operator to look.");
    assert_eq!(failure.code, Code::NamespaceStuck);
    assert_eq!(told.0.into_inner(), ["Kubernetes still deletes the namespace a: it has the finalizers x/y."]);
    assert!(sandbox.log().iter().all(|line| line == "demolish"));
    let took = sandbox.0.lock().now.as_secs();
    assert!((120..130).contains(&took), "{took} s");
    sandbox.0.lock().kept = None;
    assert_eq!(
        reconcile(&sandbox, &app(), &Told::default(), &mut Footprint::default()).await.unwrap(),
        Ending::Destroyed
    );
}
