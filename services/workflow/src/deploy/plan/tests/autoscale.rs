use deis_api::rest::Autoscale;
use deis_kube::apply::Seen;

use super::*;
use crate::deploy::world::{Autoscaler, World};

const RULE: Autoscale = Autoscale { min: 2, max: 8, cpu_percent: 75 };

/// web serves with three pods, as the autoscaler has it that is in charge.
fn in_charge() -> (Goal, World) {
    let simulation = Simulation::serving(OLD, &processes(&[("web", 3), ("worker", 1)]));
    let mut world = simulation.world(&every_pod(&simulation));
    world.autoscalers = vec![autoscaler(Some((OLD, RULE)))];
    let goal = Goal {
        autoscale: [(ProcType::web(), RULE)].into(),
        autoscaled: [(ProcType::web(), OLD)].into(),
        ..goal(OLD, &[("web", 3), ("worker", 1)], None)
    };
    (goal, world)
}

fn autoscaler(scales: Option<(ReleaseVersion, Autoscale)>) -> Autoscaler {
    let (name, uid, resource_version) = ("a-web".to_owned(), "u".to_owned(), "1".to_owned());
    Autoscaler { seen: Seen { name, uid, resource_version, fence: 0 }, proc_type: ProcType::web(), scales }
}

fn only<'a>(action: Action<'a>) -> Plan<'a> {
    Plan::Act(vec![action])
}

#[test]
fn nothing_is_to_be_done_while_the_autoscaler_is_in_charge() {
    let (goal, world) = in_charge();
    assert_eq!(plan(&goal, &world), Plan::Done);
}

#[test]
fn the_number_is_taken_back_before_anything_else_happens() {
    let (before, world) = in_charge();
    let web = ProcType::web();
    let pod = world.controllers[0].pods[0].uid.clone();
    let without = |change: fn(&mut Goal)| {
        let mut goal = before.clone();
        change(&mut goal);
        goal
    };
    for (why, goal) in [
        ("another release", without(|goal| goal.release = new())),
        ("no rule any more", without(|goal| goal.autoscale.clear())),
        ("scaled to nothing", without(|goal| goal.processes.extend([(ProcType::web(), 0)]))),
        ("a process type that is gone", without(|goal| goal.processes.retain(|kind, _| *kind != ProcType::web()))),
        ("a restart", Goal { restarting: [pod].into(), ..before.clone() }),
    ] {
        let mut world = world.clone();
        assert_eq!(plan(&goal, &world), only(Action::TakeBack(&autoscaler(Some((OLD, RULE))))), "{why}");
        world.autoscalers.clear();
        assert_eq!(plan(&goal, &world), only(Action::Hold(&web, Some(3))), "{why}");
        let goal = Goal { autoscaled: BTreeMap::new(), ..goal };
        let Plan::Act(actions) = plan(&goal, &world) else { continue };
        assert!(!actions.iter().any(|action| matches!(action, Action::TakeBack(_) | Action::Hold(..))), "{why}");
    }
    // Somebody has scaled: the number is not the autoscaler's any more, which is still there.
    let goal = Goal { autoscaled: BTreeMap::new(), ..before };
    assert_eq!(plan(&goal, &world), only(Action::TakeBack(&autoscaler(Some((OLD, RULE))))));
}

#[test]
fn of_a_controller_that_is_gone_nobody_knows_the_number() {
    let (goal, mut world) = in_charge();
    world.controllers.remove(0);
    world.autoscalers.clear();
    assert_eq!(plan(&goal, &world), only(Action::Hold(&ProcType::web(), None)));
}

#[test]
fn the_number_is_given_away_when_all_is_done_and_then_the_autoscaler_is_made() {
    let (given, mut world) = in_charge();
    world.autoscalers.clear();
    let web = ProcType::web();
    let mut goal = Goal { autoscaled: BTreeMap::new(), ..given.clone() };
    assert_eq!(plan(&goal, &world), only(Action::Entrust(&web)));
    world.controllers[0].pods[0].ready = false;
    assert!(matches!(plan(&goal, &world), Plan::Wait(_)), "not before all pods serve");
    world.controllers[0].pods[0].ready = true;
    goal.autoscaled = given.autoscaled;
    assert_eq!(plan(&goal, &world), only(Action::HandOver(&web)));
    let other = Autoscale { max: 9, ..RULE };
    for changed in [Some((OLD, other)), Some((new(), RULE)), None] {
        world.autoscalers = vec![autoscaler(changed)];
        assert_eq!(plan(&goal, &world), only(Action::HandOver(&web)), "{changed:?}");
    }
}

/// While the ledger's number is not the one that there is.
#[test]
fn an_autoscaler_in_charge_is_made_right_before_anything_else() {
    let (mut goal, mut world) = in_charge();
    let rule = Autoscale { min: 6, max: 9, ..RULE };
    goal.autoscale.insert(ProcType::web(), rule);
    goal.processes.insert(ProcType::web(), 6);
    assert_eq!(plan(&goal, &world), only(Action::HandOver(&ProcType::web())));
    world.autoscalers = vec![autoscaler(Some((OLD, rule)))];
    assert!(matches!(plan(&goal, &world), Plan::Act(actions) if matches!(actions[..], [Action::Grow(_, 6)])));
}

/// A worker that does not come up is no reason to leave web without its autoscaler.
#[test]
fn the_number_of_a_type_that_is_complete_is_given_away_while_another_is_not() {
    let (given, mut world) = in_charge();
    world.autoscalers.clear();
    world.controllers[1].pods[0].ready = false;
    let web = ProcType::web();
    let goal = Goal { autoscaled: BTreeMap::new(), ..given.clone() };
    assert_eq!(plan(&goal, &world), only(Action::Entrust(&web)));
    assert_eq!(plan(&given, &world), only(Action::HandOver(&web)));
    world.autoscalers = vec![autoscaler(Some((OLD, RULE)))];
    assert!(matches!(plan(&given, &world), Plan::Wait(_)), "for worker");
}

/// It would be the old release's pods that are scaled if this one fails.
#[test]
fn a_release_that_may_yet_fail_gives_no_number_away() {
    let (given, mut world) = in_charge();
    world.autoscalers.clear();
    let goal = Goal { autoscaled: BTreeMap::new(), deploying: true, ..given };
    assert_eq!(plan(&goal, &world), Plan::Done);
}
