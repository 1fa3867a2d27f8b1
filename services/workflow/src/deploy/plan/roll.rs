//! How one process type gets from other releases' pods to the goal's: a window of a batch that slides on with every half of it.

use deis_api::ProcType;

use crate::deploy::goal::Goal;
use crate::deploy::world::{Controller, World};

use super::{Action, others, restart};

/// Whether the first batch of a process type serves: no pod of another release goes before every type is that far.
pub(super) fn first_batch_serves(goal: &Goal, world: &World, proc_type: &ProcType, wanted: u32) -> bool {
    let serving = world.controller(goal.release, proc_type).map(Controller::serving);
    serving.is_some_and(|serving| serving >= wanted.min(goal.batch(wanted)))
}

/// The next step of one process type.
pub(super) fn advance<'a>(
    goal: &Goal,
    world: &'a World,
    proc_type: &'a ProcType,
    first_batches: bool,
    actions: &mut Vec<Action<'a>>,
) {
    let wanted = goal.processes.get(proc_type).copied();
    let new = world.controller(goal.release, proc_type);
    let serving = new.map_or(0, Controller::serving);
    let needed = wanted.unwrap_or(0);
    let others = others(goal, world, proc_type);

    let is_alone = others.iter().all(|other| other.replicas == 0);
    if let Some(steps) = new.filter(|_| is_alone).and_then(|new| restart::restart(goal, new, needed)) {
        actions.extend(steps);
        return;
    }
    let already = actions.len();
    match (wanted, new) {
        (Some(_), None) => actions.push(Action::Create(proc_type)),
        (_, Some(new)) if new.replicas > needed => actions.push(shrink(new, needed)),
        _ => {}
    }
    let missed = shrink_failed(goal, &others, needed.saturating_sub(serving), actions);
    let settled = new.is_none_or(|new| serving >= new.replicas);
    if first_batches {
        let least = if settled { 1 } else { step(goal, needed) };
        shrink_earlier(goal, &others, missed, least, actions);
    }
    if actions.len() > already {
        return;
    }
    if let Some(new) = new {
        let to = grown(goal, new, needed, &others);
        if to > new.replicas {
            actions.push(Action::Grow(new, to));
        }
    }
}

/// How many pods the goal's controller may be set to now.
fn grown(goal: &Goal, new: &Controller, needed: u32, others: &[&Controller]) -> u32 {
    let left = others.iter().map(|other| other.replicas).fold(0, u32::saturating_add);
    // Nothing is replaced, or a release that served before comes back: no need to feel the way.
    if left == 0 || others.iter().all(|other| other.version > goal.release) {
        return needed;
    }
    let (batch, serving) = (goal.batch(needed), new.serving());
    let first_batch = needed.min(batch);
    if serving < first_batch {
        return first_batch;
    }
    // No more than a batch is under way, and all releases together have no more than a batch too many.
    let room = needed.saturating_add(batch).saturating_sub(left);
    let to = needed.min(room).min(serving.saturating_add(batch));
    let is_worth_it = to == needed || to.saturating_sub(new.replicas) >= step(goal, needed);
    if is_worth_it { to } else { new.replicas }
}

/// So many pods are worth a step of their own: half a batch, so that the second half is on its way while the first one is replaced, and
/// what a roll asks of Kubernetes grows with the batches and not with the pods.
fn step(goal: &Goal, needed: u32) -> u32 {
    goal.batch(needed).div_ceil(2)
}

/// A release above the goal's is one that failed. Its pods that do not serve hold room that others need, and go at once; the
/// others stay for as long as they are `missed`. Answers how many pods are missed beside those.
fn shrink_failed<'a>(goal: &Goal, others: &[&'a Controller], missed: u32, actions: &mut Vec<Action<'a>>) -> u32 {
    let mut missed = missed;
    for other in others.iter().filter(|other| other.version > goal.release) {
        let keep = other.ready().min(missed).min(other.replicas);
        missed = missed.saturating_sub(keep);
        if keep < other.replicas {
            actions.push(shrink(other, keep));
        }
    }
    missed
}

/// Takes away as many pods of earlier releases as are not `missed` any more, if it is at `least` so many.
fn shrink_earlier<'a>(goal: &Goal, others: &[&'a Controller], missed: u32, least: u32, actions: &mut Vec<Action<'a>>) {
    let earlier = others.iter().filter(|other| other.version < goal.release);
    let total = earlier.clone().map(|other| other.replicas).fold(0, u32::saturating_add);
    let mut excess = total.saturating_sub(missed);
    // Those of which the routers know already go without the others that have become dispensable since.
    let told = earlier.clone().map(|other| other.told()).fold(0, u32::saturating_add);
    if told > 0 {
        excess = excess.min(told);
    } else if excess < least {
        return;
    }
    for other in earlier {
        let leaving = excess.min(other.replicas);
        excess = excess.saturating_sub(leaving);
        if leaving > 0 {
            actions.push(shrink(other, other.replicas.saturating_sub(leaving)));
        }
    }
}

/// Of a controller's pods those go first that do not serve, then those of which the routers are told that they go.
fn shrink(controller: &Controller, to: u32) -> Action<'_> {
    let mut pods = controller.pods.iter().collect::<Vec<_>>();
    pods.sort_by_key(|pod| (pod.ready, !pod.draining, pod.reachable, &pod.name));
    let leaving = pods.len().saturating_sub(usize::try_from(to).unwrap_or(usize::MAX));
    pods.truncate(leaving);
    Action::Shrink(controller, to, pods)
}
