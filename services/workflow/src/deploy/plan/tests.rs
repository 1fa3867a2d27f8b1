mod autoscale;
mod budgets;
mod drain;

use std::collections::{BTreeMap, BTreeSet};

use deis_api::{ProcType, ReleaseVersion};
use proptest::prelude::*;

use super::{Action, Plan, plan};
use crate::deploy::goal::Goal;
use crate::deploy::simulation::{Fate, Simulation};

const OLD: ReleaseVersion = ReleaseVersion::FIRST;

fn new() -> ReleaseVersion {
    OLD.next()
}

fn processes(counts: &[(&str, u32)]) -> BTreeMap<ProcType, u32> {
    counts.iter().map(|(kind, count)| (kind.parse().unwrap(), *count)).collect()
}

fn goal(release: ReleaseVersion, counts: &[(&str, u32)], batch: Option<u32>) -> Goal {
    Goal { processes: processes(counts), batch, ..Goal::of(release) }
}

/// Plans and acts until done, with everything that can happen happening between two looks. Answers what the controllers looked
/// like after each round of actions.
fn run(simulation: &mut Simulation, goal: &Goal) -> Vec<String> {
    let mut story = Vec::new();
    for _ in 0..1000 {
        while simulation.tick() {}
        let reachable = every_pod(simulation);
        let world = simulation.world(&reachable);
        match plan(goal, &world) {
            Plan::Act(actions) => {
                actions.iter().for_each(|action| simulation.take(goal.release, action));
                let is_quiet =
                    |action: &_| matches!(action, Action::Drain(..) | Action::Protect(_) | Action::Unprotect(_));
                if !actions.iter().all(is_quiet) {
                    story.push(simulation.replicas().join(", "));
                }
            }
            Plan::Wait(waiting) => {
                story.push(format!("waits for {}", waiting[0]));
                return story;
            }
            Plan::Done => {
                assert!(simulation.drain.leaving.is_empty(), "{}", simulation.drain);
                return story;
            }
        }
    }
    panic!("not done after 1000 rounds: {story:#?}");
}

fn every_pod(simulation: &Simulation) -> BTreeSet<String> {
    let pods = simulation.controllers.values().flat_map(|controller| &controller.pods);
    pods.map(|pod| pod.uid.clone()).collect()
}

#[test]
fn a_first_deploy_has_nothing_to_feel_its_way_along() {
    let mut simulation = Simulation::default();
    let story = run(&mut simulation, &goal(OLD, &[("web", 5), ("worker", 0)], None));
    insta::assert_yaml_snapshot!(story);
}

#[test]
fn pods_are_replaced_one_by_one() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("web", 3)]));
    let story = run(&mut simulation, &goal(new(), &[("web", 3)], Some(1)));
    insta::assert_yaml_snapshot!(story);
}

/// With each half of a batch that serves, as many pods go and the next ones come; the other half is on its way meanwhile.
#[test]
fn the_next_pods_come_before_the_whole_batch_serves() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("web", 10)]));
    let goal = goal(new(), &[("web", 10)], Some(4));
    let mut story = Vec::new();
    loop {
        let world = simulation.world(&every_pod(&simulation));
        match plan(&goal, &world) {
            Plan::Act(actions) => {
                actions.iter().for_each(|action| simulation.take(goal.release, action));
                let replicas = simulation.controllers.values().map(|controller| controller.replicas).sum::<u32>();
                assert!(replicas <= 14, "a batch too many at most: {:?}", simulation.replicas());
                let told = simulation.drain.leaving.len();
                story.push(format!("{}, the routers know of {told}", simulation.replicas().join(", ")));
            }
            // One thing after the other.
            Plan::Wait(_) => assert!(simulation.tick()),
            Plan::Done => break,
        }
    }
    insta::assert_yaml_snapshot!(story);
}

#[test]
fn a_process_type_that_is_gone_goes_after_the_others_first_batches() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("web", 5), ("clock", 1)]));
    let story = run(&mut simulation, &goal(new(), &[("web", 5), ("worker", 2)], None));
    insta::assert_yaml_snapshot!(story);
}

#[test]
fn scaling_goes_at_once() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("web", 2)]));
    assert_eq!(run(&mut simulation, &goal(OLD, &[("web", 20)], None)), ["v1 web 20"]);
    assert_eq!(run(&mut simulation, &goal(OLD, &[("web", 0)], None)), ["v1 web 0"]);
}

#[test]
fn a_type_that_never_gets_ready_holds_all_old_pods() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("web", 3), ("worker", 3)]));
    simulation.fates.insert(new(), Fate::NeverReady);
    let story = run(&mut simulation, &goal(new(), &[("web", 3), ("worker", 3)], Some(1)));
    insta::assert_yaml_snapshot!(story);
}

#[test]
fn a_failed_release_goes_and_the_one_before_is_full_again() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("web", 4)]));
    let upgrade = goal(new(), &[("web", 4)], Some(2));
    // Created, grown by two, the routers told, shrunk by two, grown by two.
    for _ in 0..5 {
        while simulation.tick() {}
        let world = simulation.world(&every_pod(&simulation));
        let Plan::Act(actions) = plan(&upgrade, &world) else { panic!("still under way") };
        actions.iter().for_each(|action| simulation.take(new(), action));
    }
    assert_eq!(simulation.replicas(), ["v1 web 2", "v2 web 4"]);
    simulation.fates.insert(new(), Fate::NeverReady);
    let story = run(&mut simulation, &goal(OLD, &[("web", 4)], Some(2)));
    insta::assert_yaml_snapshot!(story);
}

#[test]
fn without_a_build_nothing_is_left() {
    let mut simulation = Simulation::serving(new(), &processes(&[("web", 1)]));
    run(&mut simulation, &goal(OLD, &[], None));
    assert!(simulation.controllers.is_empty());
}

#[test]
fn pods_that_no_router_can_choose_replace_nothing() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("web", 1)]));
    let upgrade = goal(new(), &[("web", 1)], None);
    for _ in 0..2 {
        let world = simulation.world(&BTreeSet::new());
        let Plan::Act(actions) = plan(&upgrade, &world) else { panic!("has to create and grow") };
        actions.iter().for_each(|action| simulation.take(new(), action));
        while simulation.tick() {}
    }
    let world = simulation.world(&BTreeSet::new());
    let Plan::Wait(waiting) = plan(&upgrade, &world) else { panic!("has to wait for the routers") };
    assert_eq!(waiting[0].to_string(), "web: 0 of 1 pods ready");
}

fn restarting(simulation: &Simulation, counts: &[(&str, u32)], batch: Option<u32>) -> Goal {
    Goal { restarting: every_pod(simulation), ..goal(OLD, counts, batch) }
}

#[test]
fn pods_are_replaced_in_place_batch_by_batch() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("web", 3), ("worker", 1)]));
    let goal = restarting(&simulation, &[("web", 3), ("worker", 1)], Some(2));
    let story = run(&mut simulation, &goal);
    insta::assert_yaml_snapshot!(story);
    assert!(every_pod(&simulation).is_disjoint(&goal.restarting));
}

/// Such a pod may be ready by the time that it is deleted: nothing but the routers' knowledge keeps requests away from it then.
#[test]
fn pods_that_are_not_ready_are_replaced_as_soon_as_the_routers_are_told() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("web", 2), ("worker", 1)]));
    simulation.controllers.values_mut().for_each(|controller| controller.pods[0].ready = false);
    let goal = restarting(&simulation, &[("web", 2), ("worker", 1)], None);
    let world = simulation.world(&every_pod(&simulation));
    let Plan::Act(actions) = plan(&goal, &world) else { panic!("something is to be done") };
    let [Action::Replace(worker, pods), Action::Drain(_, told)] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!((worker.proc_type.as_str(), pods.len(), told.leaving.len()), ("worker", 1, 1));
    actions.iter().for_each(|action| simulation.take(OLD, action));
    let world = simulation.world(&every_pod(&simulation));
    let Plan::Act(actions) = plan(&goal, &world) else { panic!("something is to be done") };
    let replaced = actions.iter().find_map(|action| match action {
        Action::Replace(controller, pods) if controller.proc_type == ProcType::web() => Some(pods.len()),
        _ => None,
    });
    assert_eq!(replaced, Some(1));
    run(&mut simulation, &goal);
    assert!(every_pod(&simulation).is_disjoint(&goal.restarting));
    assert_eq!(simulation.replicas(), ["v1 web 2", "v1 worker 1"]);
}

/// Kubernetes would take the new pod first: it is not ready.
#[test]
fn no_pod_leaves_before_its_successor_serves() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("web", 1)]));
    let goal = restarting(&simulation, &[("web", 1)], None);
    simulation.fates.insert(OLD, Fate::NeverReady);
    assert_eq!(run(&mut simulation, &goal), ["v1 web 2", "waits for web: 0 of 1 pods ready"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens between two looks, and however many pods are asked for meanwhile.
    #[test]
    fn a_restart_never_takes_capacity(
        before in 1_u32..9,
        after in 1_u32..9,
        batch in prop::option::of(1_u32..4),
        luck in prop::collection::vec(any::<u8>(), 0..100),
        is_slow in any::<bool>(),
    ) {
        let mut simulation = Simulation::serving(OLD, &processes(&[("web", before)]));
        simulation.is_slow = is_slow;
        let mut goal = restarting(&simulation, &[("web", before)], batch);
        let mut reachable = every_pod(&simulation);
        let mut luck = luck.into_iter();
        for round in 0.. {
            prop_assert!(round < 1000, "does not end: {:?}", simulation.replicas());
            match luck.next() {
                Some(chance) => {
                    for _ in 0..chance % 4 {
                        simulation.tick();
                    }
                    if chance % 3 != 0 {
                        reachable = every_pod(&simulation);
                    }
                }
                None => {
                    goal.processes = processes(&[("web", after)]);
                    while simulation.tick() {}
                    reachable = every_pod(&simulation);
                }
            }
            let world = simulation.world(&reachable);
            match plan(&goal, &world) {
                Plan::Done if luck.len() == 0 && goal.processes == processes(&[("web", after)]) => break,
                Plan::Done | Plan::Wait(_) => {}
                Plan::Act(actions) => {
                    actions.iter().for_each(|action| simulation.take(OLD, action));
                    let capacity = simulation.capacity(&ProcType::web(), &reachable);
                    prop_assert!(capacity >= before.min(after), "{capacity} after {actions:?}");
                }
            }
        }
        prop_assert!(every_pod(&simulation).is_disjoint(&goal.restarting));
        prop_assert_eq!(simulation.replicas(), [format!("v1 web {after}")]);
        prop_assert!(simulation.drain.leaving.is_empty());
    }
}

/// One deploy from a release that serves, possibly not all of its pods, to another; or back from one that failed half way.
#[derive(Clone, Debug)]
struct Case {
    before: BTreeMap<ProcType, u32>,
    after: BTreeMap<ProcType, u32>,
    batch: Option<u32>,
    /// How many of the old pods are not ready.
    lame: usize,
    /// Which release fails, if one does: after this many rounds the goal is the old release again.
    fails_after: Option<usize>,
    /// What happens between two looks.
    luck: Vec<u8>,
    /// The controller manager takes its time.
    is_slow: bool,
}

fn counts() -> impl Strategy<Value = BTreeMap<ProcType, u32>> {
    let kinds = prop::sample::subsequence(vec!["clock", "web", "worker"], 1..=3);
    (kinds, prop::collection::vec(0_u32..9, 3)).prop_map(|(kinds, counts)| {
        kinds.into_iter().zip(counts).map(|(kind, count)| (kind.parse().unwrap(), count)).collect()
    })
}

fn cases() -> impl Strategy<Value = Case> {
    let batch = prop::option::of(1_u32..4);
    let fails_after = prop::option::of(0_usize..12);
    let luck = prop::collection::vec(any::<u8>(), 0..200);
    (counts(), counts(), batch, 0_usize..4, fails_after, luck, any::<bool>()).prop_map(
        |(before, after, batch, lame, fails_after, luck, is_slow)| Case {
            before,
            after,
            batch,
            lame,
            fails_after,
            luck,
            is_slow,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn capacity_never_drops_and_every_deploy_ends(case in cases()) {
        let mut simulation = Simulation::serving(OLD, &case.before);
        simulation.is_slow = case.is_slow;
        let pods = simulation.controllers.values_mut().flat_map(|controller| &mut controller.pods);
        for pod in pods.take(case.lame) {
            // Never ready again, so that capacity changes by our doing alone.
            (pod.ready, pod.trouble) = (false, Some(super::super::world::Trouble::OutOfMemory));
        }
        let everywhere = every_pod(&simulation);
        let kinds = case.before.keys().chain(case.after.keys()).collect::<BTreeSet<_>>();
        let at_start = kinds.iter().map(|kind| (*kind, simulation.capacity(kind, &everywhere))).collect::<BTreeMap<_, _>>();

        let mut luck = case.luck.iter().copied().map(usize::from);
        let mut reachable = everywhere;
        let mut rounds = 0;
        loop {
            rounds += 1;
            prop_assert!(rounds < 2000, "does not end: {:?}", simulation.replicas());
            let failed = case.fails_after.is_some_and(|after| rounds > after);
            let (release, wanted) = if failed { (OLD, &case.before) } else { (new(), &case.after) };
            let goal = Goal { processes: wanted.clone(), batch: case.batch, ..Goal::of(release) };
            // Between two looks: some things happen while luck lasts, then all that can.
            match luck.next() {
                Some(chance) => {
                    for step in 0..chance % 4 {
                        simulation.tick_at(chance + step);
                    }
                    if chance % 3 != 0 {
                        reachable = every_pod(&simulation);
                    }
                }
                None => {
                    while simulation.tick() {}
                    reachable = every_pod(&simulation);
                }
            }
            let world = simulation.world(&reachable);
            match plan(&goal, &world) {
                Plan::Done => if !failed && case.fails_after.is_some() { continue } else { break },
                Plan::Wait(_) => if case.lame > 0 && failed && luck.len() == 0 { break },
                Plan::Act(actions) => {
                    for action in &actions {
                        simulation.take(goal.release, action);
                        for kind in &kinds {
                            let asked = wanted.get(*kind).copied().unwrap_or(0);
                            let least = asked.min(at_start[*kind]);
                            // What the failed release's own count asked for less is given back by the old one.
                            let least = if failed { least.min(case.after.get(*kind).copied().unwrap_or(0)) } else { least };
                            let capacity = simulation.capacity(kind, &reachable);
                            prop_assert!(capacity >= least, "{kind}: {capacity} < {least} after {action:?}");
                        }
                        if let Action::Shrink(controller, _, _) = action {
                            let first = |kind: &ProcType, asked: u32| {
                                let new = world.controller(goal.release, kind).map_or(0, |new| new.serving());
                                new >= asked.min(goal.batch(asked))
                            };
                            let ready = goal.processes.iter().all(|(kind, asked)| first(kind, *asked));
                            prop_assert!(ready || controller.version >= goal.release, "shrinks before every first batch serves");
                        }
                    }
                }
            }
        }
        if case.lame == 0 {
            let (release, wanted) = if case.fails_after.is_some() { (OLD, &case.before) } else { (new(), &case.after) };
            let expected = wanted.iter().map(|(kind, count)| format!("{release} {kind} {count}")).collect::<Vec<_>>();
            prop_assert_eq!(simulation.replicas(), expected);
            prop_assert!(simulation.drain.leaving.is_empty());
        }
    }
}
