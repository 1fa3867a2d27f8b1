//! Who says how many pods a process type has: the ledger, or an autoscaler that is in charge. Never both: while pods are replaced it is
//! the ledger, which takes over the number that the autoscaler left.
//!
//! In charge is whoever the ledger says ([`Goal::autoscaled`]), so that the number is not lost with a process that dies between any two
//! of these steps: the autoscaler goes, the ledger takes its number, pods are replaced, the ledger gives the number away, the autoscaler
//! is made.

use std::collections::BTreeSet;

use deis_api::ProcType;

use crate::deploy::goal::{Extra, Goal};
use crate::deploy::world::{Autoscaler, Controller, World};

use super::Action;

/// Takes the number back of every process type that an autoscaler may not change now. Nothing else is to be done before.
pub(super) fn take_back<'a>(goal: &'a Goal, world: &'a World) -> Vec<Action<'a>> {
    let of_world = world.autoscalers.iter().map(|autoscaler| &autoscaler.proc_type);
    let kinds = goal.autoscaled.keys().chain(of_world).collect::<BTreeSet<_>>();
    let kinds = kinds.into_iter().filter(|kind| !is_in_charge(goal, world, kind));
    let action = |kind| match (world.autoscaler(kind), goal.autoscaled.get(kind)) {
        (Some(autoscaler), _) => Some(Action::TakeBack(autoscaler)),
        (None, Some(release)) => {
            let controller = world.controller(*release, kind);
            Some(Action::Hold(kind, controller.map(|controller| controller.replicas)))
        }
        (None, None) => None,
    };
    kinds.filter_map(action).collect()
}

/// Makes autoscalers right that are in charge and go by another rule. Before anything else: the number is theirs, and the old rule and
/// the new one would set it in turns for ever.
pub(super) fn correct<'a>(goal: &Goal, world: &'a World) -> Vec<Action<'a>> {
    let wrong = world.autoscalers.iter().filter(|autoscaler| !is_right(goal, autoscaler));
    let in_charge = wrong.filter(|autoscaler| is_in_charge(goal, world, &autoscaler.proc_type));
    in_charge.map(|autoscaler| Action::HandOver(&autoscaler.proc_type)).collect()
}

/// Whether it scales what it is to scale, by the rule that it is to go by.
fn is_right(goal: &Goal, autoscaler: &Autoscaler) -> bool {
    goal.rule(&autoscaler.proc_type).is_some_and(|rule| autoscaler.scales == Some((goal.release, rule)))
}

/// Whether the number of a process type is the autoscaler's: the release serves whose controller it scales, and none of its pods is to
/// be replaced. One that is wrong and cannot be made right is in charge of nothing.
fn is_in_charge(goal: &Goal, world: &World, kind: &ProcType) -> bool {
    let is_to_stay = |controller: &Controller| !controller.pods.iter().any(|pod| goal.restarting.contains(&pod.uid));
    let is_usable = |autoscaler| is_right(goal, autoscaler) || !goal.is_refused(Extra::Autoscaler, kind);
    goal.rule(kind).is_some()
        && world.autoscaler(kind).is_none_or(is_usable)
        && goal.autoscaled.get(kind) == Some(&goal.release)
        && world.controller(goal.release, kind).is_some_and(is_to_stay)
}

/// Gives the numbers of process types away again that are `complete`; of a release that may yet fail, none before it is known to be good.
pub(super) fn hand_over<'a>(goal: &'a Goal, world: &'a World, complete: &BTreeSet<&ProcType>) -> Vec<Action<'a>> {
    if goal.deploying {
        return Vec::new();
    }
    let action = |kind| {
        goal.rule(kind).filter(|_| complete.contains(kind))?;
        let is_done = || {
            let is_right = |autoscaler| is_right(goal, autoscaler);
            world.autoscaler(kind).is_some_and(is_right) || goal.is_refused(Extra::Autoscaler, kind)
        };
        match goal.autoscaled.get(kind) {
            None => Some(Action::Entrust(kind)),
            Some(_) => (!is_done()).then_some(Action::HandOver(kind)),
        }
    };
    goal.autoscale.keys().filter_map(action).collect()
}
