//! The next steps of a deploy: a pure function of the goal and the world.
//!
//! What is kept at every step, whatever happens between two looks at the world: pods of other releases are only taken away as far
//! as pods of the goal's release serve in their place, so capacity never drops below what was asked for or, if that was less, what
//! was ready. And no pod that gets requests is taken away before the routers are told ([`drain`]).

mod autoscale;
mod budgets;
mod drain;
mod restart;
mod roll;

use std::collections::BTreeSet;

use deis_api::ProcType;
use deis_kube::objects::Drain;

use super::goal::Goal;
use super::world::{Autoscaler, Budget, Controller, Pod, Service, World};

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
    /// Tell the routers which pods are about to go, those and no others.
    Drain(&'a Service, Drain),
    /// Make a process type have its disruption budget.
    Protect(&'a ProcType),
    /// Delete the disruption budget of a process type that is to have no pods.
    Unprotect(&'a Budget),
    /// Delete an autoscaler that may not change the number of pods any more.
    TakeBack(&'a Autoscaler),
    /// Note how many pods an autoscaler has left, if that is known: the number is the ledger's again.
    Hold(&'a ProcType, Option<u32>),
    /// Note that the number of pods is an autoscaler's from now on.
    Entrust(&'a ProcType),
    /// Make the autoscaler be what it should be.
    HandOver(&'a ProcType),
    /// Delete a controller that has neither replicas nor pods.
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
    /// How many pods of other releases are still to go.
    pub leaving: u32,
}

impl std::fmt::Display for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { proc_type, serving, wanted, leaving } = self;
        if serving < wanted || *leaving == 0 {
            write!(f, "{proc_type}: {serving} of {wanted} pods ready")
        } else {
            write!(f, "{proc_type}: pods of other releases are leaving, {leaving} to go")
        }
    }
}

/// Decides the next steps.
#[must_use]
pub fn plan<'a>(goal: &'a Goal, world: &'a World) -> Plan<'a> {
    let taken = autoscale::take_back(goal, world);
    if !taken.is_empty() {
        return Plan::Act(taken);
    }
    let corrected = autoscale::correct(goal, world);
    if !corrected.is_empty() {
        return Plan::Act(corrected);
    }
    let first_batches =
        goal.processes.iter().all(|(kind, wanted)| roll::first_batch_serves(goal, world, kind, *wanted));
    let waiting = waiting(goal, world);
    let (mut actions, mut complete) = (Vec::new(), BTreeSet::new());
    for proc_type in proc_types(goal, world) {
        let already = actions.len();
        roll::advance(goal, world, proc_type, first_batches, &mut actions);
        if actions.len() == already && !waiting.iter().any(|waiting| waiting.proc_type == *proc_type) {
            complete.insert(proc_type);
        }
    }
    let is_over = actions.is_empty() && waiting.is_empty();
    if is_over {
        let left_over = world.controllers.iter().filter(|controller| controller.version != goal.release);
        actions.extend(left_over.map(Action::Delete));
    }
    actions.extend(autoscale::hand_over(goal, world, &complete));
    actions.extend(budgets::budgets(goal, world, is_over));
    let actions = drain::drain(world, actions, is_over);
    match (actions.is_empty(), waiting.is_empty()) {
        (false, _) => Plan::Act(actions),
        (true, false) => Plan::Wait(waiting),
        (true, true) => Plan::Done,
    }
}

/// The process types of the goal, and those that only other releases have.
fn proc_types<'a>(goal: &'a Goal, world: &'a World) -> BTreeSet<&'a ProcType> {
    goal.processes.keys().chain(world.controllers.iter().map(|controller| &controller.proc_type)).collect()
}

/// Controllers of other releases, in the order in which they are to go: the oldest first.
fn others<'a>(goal: &Goal, world: &'a World, proc_type: &ProcType) -> Vec<&'a Controller> {
    let of_type = world.controllers.iter().filter(|other| other.proc_type == *proc_type);
    let mut others = of_type.filter(|other| other.version != goal.release).collect::<Vec<_>>();
    others.sort_by_key(|other| other.version);
    others
}

fn waiting(goal: &Goal, world: &World) -> Vec<Waiting> {
    let unsettled = |proc_type: &ProcType| {
        let wanted = goal.processes.get(proc_type).copied().unwrap_or(0);
        let new = world.controller(goal.release, proc_type);
        let complete = new
            .is_none_or(|new| new.replicas == wanted && new.serving() == wanted && new.pods.len() == to_usize(wanted));
        // A controller that goes before they do leaves them to Kubernetes' own pace.
        let leaving = others(goal, world, proc_type).into_iter().map(Controller::excess).sum::<usize>();
        // Of a restart people want to know how many new pods there are.
        let pods = new.into_iter().flat_map(|new| &new.pods);
        let fresh = pods.filter(|pod| pod.serves() && !goal.restarting.contains(&pod.uid)).count();
        let serving = to_u32(fresh).min(wanted);
        (!complete || leaving > 0).then(|| Waiting {
            proc_type: proc_type.clone(),
            serving,
            wanted,
            leaving: to_u32(leaving),
        })
    };
    proc_types(goal, world).into_iter().filter_map(unsettled).collect()
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
