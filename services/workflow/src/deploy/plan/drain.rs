use std::collections::BTreeSet;

use crate::deploy::world::{Pod, World};

use super::Action;

/// Holds back what takes pods away that get requests until the routers are told so, and has them told: of those pods, and of those
/// that are going already, and of no others. A pod that was to go and stays is chosen again.
///
/// What is told of pods that are gone does no harm and is taken back with the next word, or when all `is_over`.
pub(super) fn drain<'a>(world: &'a World, mut actions: Vec<Action<'a>>, is_over: bool) -> Vec<Action<'a>> {
    let Some(service) = &world.service else { return actions };
    let leaving = leaving(world, &actions);
    let told = &service.drain.leaving;
    let stays = |pod: &Pod| pod.draining && !leaving.contains(&pod.uid);
    let is_exact = leaving.is_subset(told) && !pods(world).any(stays);
    actions.retain(|action| taken(action).all(|pod| told.contains(&pod.uid)));
    if !is_exact || (is_over && leaving != *told) {
        actions.push(Action::Drain(service, service.drain.next(leaving)));
    }
    actions
}

/// The pods that are to go now, and those that Kubernetes has yet to delete.
fn leaving(world: &World, actions: &[Action<'_>]) -> BTreeSet<String> {
    let going = world.controllers.iter().filter(|controller| controller.excess() > 0);
    let going = going.flat_map(|controller| &controller.pods).filter(|pod| pod.draining);
    actions.iter().flat_map(taken).chain(going).map(|pod| pod.uid.clone()).collect()
}

/// The pods that this takes away and that get requests, or may by then: one that is not ready now can become so before Kubernetes
/// has deleted it.
fn taken<'a>(action: &'a Action<'_>) -> impl Iterator<Item = &'a Pod> {
    let pods = match action {
        Action::Shrink(_, _, pods) | Action::Replace(_, pods) => pods.as_slice(),
        _ => &[],
    };
    pods.iter().copied().filter(|pod| pod.routed)
}

fn pods(world: &World) -> impl Iterator<Item = &Pod> {
    world.controllers.iter().flat_map(|controller| &controller.pods)
}
