use super::sandbox::autoscaler;
use super::*;

const RULE: Autoscale = Autoscale { min: 1, max: 8, cpu_percent: 75 };

/// Two pods were asked for, the autoscaler has made three of them, and another release is to take their place.
fn autoscaled() -> Sandbox {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    {
        let mut state = sandbox.0.lock();
        let mut cluster = Simulation::serving(OLD, &web(3));
        cluster.fates = std::mem::take(&mut state.cluster.fates);
        state.cluster = cluster;
        state.autoscale.insert(ProcType::web(), RULE);
        state.autoscaled.insert(ProcType::web(), OLD);
        state.autoscalers.push(autoscaler(Some((OLD, RULE))));
    }
    sandbox
}

fn is_handed_over(sandbox: &Sandbox, release: ReleaseVersion) -> bool {
    let state = sandbox.0.lock();
    state.autoscalers == [autoscaler(Some((release, RULE)))]
        && state.autoscaled == [(ProcType::web(), release)].into()
        && state.cluster.replicas() == [format!("{release} web 3")]
}

#[tokio::test]
async fn a_roll_begins_with_as_many_as_the_autoscaler_has_left_and_gives_them_back() {
    let sandbox = autoscaled();
    settle(&sandbox).await;
    insta::assert_yaml_snapshot!(sandbox.log());
    assert!(is_handed_over(&sandbox, new()));
    let plain = Sandbox::upgrading(Fate::Serves);
    settle(&plain).await;
    // Until the autoscaler is seen to be gone, and to be there again; no watch tells whose the number is, and none is waited for.
    let longer = sandbox.0.lock().now.checked_sub(plain.0.lock().now);
    assert_eq!(longer, Some(Duration::from_secs(2)));
}

#[tokio::test]
async fn a_roll_that_was_killed_anywhere_keeps_the_number_and_gives_it_back() {
    for fate in [Fate::Serves, Fate::Fails(Trouble::OutOfMemory)] {
        let begin = || {
            let sandbox = autoscaled();
            sandbox.0.lock().cluster.fates.insert(new(), fate.clone());
            sandbox
        };
        let whole = begin();
        settle(&whole).await;
        let release = whole.0.lock().desired;
        assert!(is_handed_over(&whole, release), "{:#?}", whole.log());
        for survived in 0..whole.log().len() {
            let sandbox = begin();
            sandbox.0.lock().dies_after = Some(survived);
            assert!(reconcile(&sandbox, &app(), &Told::default(), &mut Footprint::default()).await.is_err());
            sandbox.0.lock().dies_after = None;
            settle(&sandbox).await;
            assert!(is_handed_over(&sandbox, release), "after {survived} writes: {:#?}", sandbox.log());
        }
    }
}

#[tokio::test]
async fn whoever_has_no_autoscaler_any_more_keeps_his_pods() {
    let sandbox = autoscaled();
    settle(&sandbox).await;
    sandbox.0.lock().autoscale.clear();
    settle(&sandbox).await;
    let state = sandbox.0.lock();
    assert_eq!((state.cluster.replicas(), &state.processes), (vec!["v2 web 3".to_owned()], &web(3)));
    assert!(state.autoscalers.is_empty() && state.autoscaled.is_empty());
}

/// The old rule's highest number is below the new one's least: each would set its own for ever.
#[tokio::test]
async fn a_new_rule_is_the_autoscalers_before_anything_is_set_by_it() {
    let sandbox = autoscaled();
    settle(&sandbox).await;
    let rule = Autoscale { min: 6, max: 9, ..RULE };
    sandbox.0.lock().autoscale.insert(ProcType::web(), rule);
    let before = sandbox.log().len();
    settle(&sandbox).await;
    assert_eq!(sandbox.log()[before..][..2], ["prepare v2", "hand v2 web over to its autoscaler"]);
    assert_eq!(sandbox.0.lock().autoscalers, [autoscaler(Some((new(), rule)))]);
}

#[tokio::test]
async fn a_release_serves_without_what_kubernetes_refuses_besides() {
    let sandbox = autoscaled();
    sandbox.0.lock().refuses = ["protect", "hand over"].into();
    sandbox.0.lock().cluster.budgets.clear();
    settle(&sandbox).await;
    let log = sandbox.log();
    assert!(log.contains(&"v2 is deployed".to_owned()), "{log:#?}");
    assert_eq!(log.iter().filter(|line| line.starts_with("refused")).count(), 2, "{log:#?}");
    assert_eq!(sandbox.0.lock().cluster.replicas(), ["v2 web 3"]);
}

#[tokio::test]
async fn an_autoscaler_that_cannot_be_made_right_goes() {
    let sandbox = autoscaled();
    settle(&sandbox).await;
    sandbox.0.lock().refuses = ["hand over"].into();
    sandbox.0.lock().autoscale.insert(ProcType::web(), Autoscale { min: 6, max: 9, ..RULE });
    settle(&sandbox).await;
    let state = sandbox.0.lock();
    assert!(state.autoscalers.is_empty());
    assert_eq!(state.cluster.replicas(), ["v2 web 6"]);
}

#[tokio::test]
async fn a_release_does_not_go_on_beside_an_autoscaler_that_stays() {
    let sandbox = autoscaled();
    sandbox.0.lock().refuses = ["take back"].into();
    settle(&sandbox).await;
    assert!(sandbox.log().contains(&"v2 failed: pod-refused []".to_owned()));
    assert!(!sandbox.log().iter().any(|line| line.starts_with("v2 web")));
}
