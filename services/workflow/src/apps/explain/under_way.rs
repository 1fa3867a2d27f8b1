use deis_api::{Code, ReleaseVersion};

use super::{Facts, Problem};
use crate::deploy::plan::{Action, Plan, plan};
use crate::deploy::world::World;
use crate::deploy::{Cause, Goal};
use crate::ledger::ReleaseState;

/// What is being done about the app now.
pub(super) fn of(facts: &Facts<'_>) -> Option<Problem> {
    let Facts { app, assignment, world, .. } = facts;
    let goal = assignment.goal(world);
    let next = reachable(world);
    let plan = plan(&goal, &next);
    let release = Some(assignment.release);
    if assignment.deploying {
        let waits = match &plan {
            Plan::Wait(waiting) => waiting.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            Plan::Act(_) | Plan::Done => "its next step is being taken".to_owned(),
        };
        let cause = Cause {
            code: Code::DeployInProgress,
            sentence: format!("{} is being deployed: {waits}.", assignment.release),
            next: format!("Watch it: deis releases:watch {}.", assignment.release),
        };
        return Some(Problem { release, since: Some(assignment.created), ..Problem::new(cause) });
    }
    let wait = || "Wait a moment: the platform brings it about by itself.".to_owned();
    if assignment.unsettled.is_some() {
        let what = if assignment.restarting.is_empty() { "What was asked for last" } else { "A restart" };
        let sentence = match &plan {
            Plan::Wait(waiting) => {
                let waiting = waiting.iter().map(ToString::to_string).collect::<Vec<_>>();
                format!("{what} is under way: {}.", waiting.join(", "))
            }
            Plan::Act(_) | Plan::Done => format!("{what} is under way."),
        };
        return Some(Problem { release, ..Problem::new(Cause { code: Code::Settling, sentence, next: wait() }) });
    }
    if let Some(failed) = leftover(facts) {
        let sentence = match &plan {
            Plan::Wait(waiting) => {
                let waiting = waiting.iter().map(ToString::to_string).collect::<Vec<_>>();
                format!("{failed} failed and goes, {} comes back: {}.", assignment.release, waiting.join(", "))
            }
            Plan::Act(_) | Plan::Done => format!("{failed} failed and goes, {} comes back.", assignment.release),
        };
        return Some(Problem { release, ..Problem::new(Cause { code: Code::Settling, sentence, next: wait() }) });
    }
    let drift = match &plan {
        Plan::Act(actions) => actions.iter().find_map(|action| drift(&goal, action)),
        Plan::Wait(_) | Plan::Done => None,
    };
    let of_service = || (!facts.is_served).then(|| format!("the Service {} is not as it should be", app.id));
    let drift = drift.or_else(of_service)?;
    let sentence = format!("Kubernetes does not have what {} is to be, perhaps changed by hand: {drift}.", app.id);
    Some(Problem { release, ..Problem::new(Cause { code: Code::Drifted, sentence, next: wait() }) })
}

/// A failed release of which something is still there.
fn leftover(facts: &Facts<'_>) -> Option<ReleaseVersion> {
    let failed = facts.newest.filter(|newest| newest.state == ReleaseState::Failed)?.version;
    facts.world.controllers.iter().any(|controller| controller.version == failed).then_some(failed)
}

/// Which pods the routers know is not a matter of what was changed by hand.
fn reachable(world: &World) -> World {
    let mut world = world.clone();
    world.controllers.iter_mut().flat_map(|controller| &mut controller.pods).for_each(|pod| pod.reachable = true);
    world
}

fn drift(goal: &Goal, action: &Action<'_>) -> Option<String> {
    match action {
        Action::Create(kind) => Some(format!("the controller of {kind} is not there")),
        Action::Grow(controller, _) | Action::Shrink(controller, ..) if controller.version == goal.release => {
            let wanted = goal.processes.get(&controller.proc_type).copied().unwrap_or(0);
            Some(format!("the controller {} asks for {} pods, not {wanted}", controller.seen.name, controller.replicas))
        }
        Action::Grow(controller, _) | Action::Shrink(controller, ..) | Action::Delete(controller) => {
            Some(format!("the controller {} is left over", controller.seen.name))
        }
        Action::Protect(kind) => Some(format!("the disruption budget of {kind} is not as it should be")),
        Action::Unprotect(budget) => Some(format!("the disruption budget {} is left over", budget.seen.name)),
        Action::TakeBack(autoscaler) => Some(format!("the autoscaler {} is left over", autoscaler.seen.name)),
        Action::HandOver(kind) => Some(format!("the autoscaler of {kind} is not as it should be")),
        Action::Hold(kind, _) => Some(format!("the controller of {kind} is not there")),
        Action::Entrust(_) | Action::Replace(..) | Action::Drain(..) => None,
    }
}
