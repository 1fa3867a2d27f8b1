//! The next steps of a deploy: a pure function of the goal and the world.
//!
//! What is kept at every step, whatever happens between two looks at the world: pods of other releases are only taken away as far
//! as pods of the goal's release serve in their place, so capacity never drops below what was asked for or, if that was less, what
//! was ready.

mod restart;

use std::collections::BTreeSet;

use deis_api::ProcType;

use super::goal::Goal;
use super::world::{Controller, Pod, World};

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan<'a> {
    /// Take these steps, in this order, then look again.
    Act(Vec<Action<'a>>),
    /// Nothing can be done until the world changes.
    Wait(Vec<Waiting>),
    /// The world is as it should be.
    Done,
}

/// One write to Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Create the controller of a process type of the goal's release, with no replicas.
    Create(&'a ProcType),
    /// Set a controller to more replicas.
    Grow(&'a Controller, u32),
    /// Set a controller to fewer replicas; these are the pods that are to go.
    Shrink(&'a Controller, u32, Vec<&'a Pod>),
    /// Delete pods that are not ready, so that their controller makes new ones.
    Replace(&'a Controller, Vec<&'a Pod>),
    /// Delete a controller that has no replicas.
    Delete(&'a Controller),
}

/// What is waited for, for one process type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The process type.
    pub proc_type: ProcType,
    /// How many pods of the new release serve.
    pub serving: u32,
    /// How many are to serve in the end.
    pub wanted: u32,
}

impl std::fmt::Display for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} of {} pods ready", self.proc_type, self.serving, self.wanted)
    }
}

/// Decides the next steps.
#[must_use]
pub fn plan<'a>(goal: &'a Goal, world: &'a World) -> Plan<'a> {
    let first_batches = goal.processes.iter().all(|(kind, wanted)| first_batch_serves(goal, world, kind, *wanted));
    let mut actions = Vec::new();
    for proc_type in proc_types(goal, world) {
        advance(goal, world, proc_type, first_batches, &mut actions);
    }
    if !actions.is_empty() {
        return Plan::Act(actions);
    }
    let waiting = waiting(goal, world);
    if !waiting.is_empty() {
        return Plan::Wait(waiting);
    }
    let left_over = world.controllers.iter().filter(|controller| controller.version != goal.release);
    let deletions = left_over.map(Action::Delete).collect::<Vec<_>>();
    if deletions.is_empty() { Plan::Done } else { Plan::Act(deletions) }
}

/// The process types of the goal, and those that only other releases have.
fn proc_types<'a>(goal: &'a Goal, world: &'a World) -> BTreeSet<&'a ProcType> {
    goal.processes.keys().chain(world.controllers.iter().map(|controller| &controller.proc_type)).collect()
}

/// Whether the first batch of a process type serves: no pod of another release goes before every type is that far.
fn first_batch_serves(goal: &Goal, world: &World, proc_type: &ProcType, wanted: u32) -> bool {
    let serving = world.controller(goal.release, proc_type).map(Controller::serving);
    serving.is_some_and(|serving| serving >= wanted.min(goal.batch(wanted)))
}

/// The next step of one process type.
fn advance<'a>(
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
    if first_batches && settled {
        shrink_earlier(goal, &others, missed, actions);
    }
    if actions.len() > already {
        return;
    }
    if let Some(new) = new.filter(|new| new.replicas < needed) {
        let left = others.iter().map(|other| other.replicas).fold(0, u32::saturating_add);
        // Nothing is replaced, or a release that served before comes back: no need to feel the way.
        let at_once = left == 0 || others.iter().all(|other| other.version > goal.release);
        let first_batch = needed.min(goal.batch(needed));
        if at_once {
            actions.push(Action::Grow(new, needed));
        } else if new.replicas < first_batch {
            actions.push(Action::Grow(new, first_batch));
        } else if settled && left <= needed.saturating_sub(serving) {
            actions.push(Action::Grow(new, needed.min(new.replicas.saturating_add(goal.batch(needed)))));
        }
    }
}

/// Controllers of other releases, in the order in which they are to go: the oldest first.
fn others<'a>(goal: &Goal, world: &'a World, proc_type: &ProcType) -> Vec<&'a Controller> {
    let of_type = world.controllers.iter().filter(|other| other.proc_type == *proc_type);
    let mut others = of_type.filter(|other| other.version != goal.release).collect::<Vec<_>>();
    others.sort_by_key(|other| other.version);
    others
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

/// Takes away as many pods of earlier releases as are not `missed` any more.
fn shrink_earlier<'a>(goal: &Goal, others: &[&'a Controller], missed: u32, actions: &mut Vec<Action<'a>>) {
    let earlier = others.iter().filter(|other| other.version < goal.release);
    let total = earlier.clone().map(|other| other.replicas).fold(0, u32::saturating_add);
    let mut excess = total.saturating_sub(missed);
    for other in earlier {
        let leaving = excess.min(other.replicas);
        excess = excess.saturating_sub(leaving);
        if leaving > 0 {
            actions.push(shrink(other, other.replicas.saturating_sub(leaving)));
        }
    }
}

/// Of a controller's pods those go first that do not serve.
fn shrink(controller: &Controller, to: u32) -> Action<'_> {
    let mut pods = controller.pods.iter().collect::<Vec<_>>();
    pods.sort_by_key(|pod| (pod.ready, pod.reachable, &pod.name));
    let leaving = pods.len().saturating_sub(usize::try_from(to).unwrap_or(usize::MAX));
    pods.truncate(leaving);
    Action::Shrink(controller, to, pods)
}

fn waiting(goal: &Goal, world: &World) -> Vec<Waiting> {
    let unsettled = |proc_type: &ProcType, wanted: u32| {
        let new = world.controller(goal.release, proc_type)?;
        let complete = new.replicas == wanted && new.serving() == wanted && new.pods.len() == to_usize(wanted);
        // Of a restart people want to know how many new pods there are.
        let fresh = new.pods.iter().filter(|pod| pod.serves() && !goal.restarting.contains(&pod.uid)).count();
        let serving = u32::try_from(fresh).unwrap_or(u32::MAX).min(wanted);
        (!complete).then(|| Waiting { proc_type: proc_type.clone(), serving, wanted })
    };
    goal.processes.iter().filter_map(|(proc_type, wanted)| unsettled(proc_type, *wanted)).collect()
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
