use deis_api::{Code, ProcType};

use super::{Facts, Problem, State};
use crate::deploy::world::World;

/// The state, and one sentence that says it.
pub(super) fn of(facts: &Facts<'_>, problems: &[Problem]) -> (State, String) {
    let (app, assignment) = (&facts.app.id, facts.assignment);
    if facts.app.destroying.is_some() {
        return (State::BeingDestroyed, format!("{app} is being destroyed."));
    }
    if assignment.image.is_none() {
        let has_failed = problems.iter().any(|problem| problem.release.is_some());
        let why =
            if has_failed { "its newest release failed, and none was good before" } else { "it has no build yet" };
        return (State::Stopped, format!("{app} runs nothing: {why}."));
    }
    let wanted = assignment.counts(facts.world);
    let wanted = wanted.iter().filter(|(_, wanted)| **wanted > 0);
    let counts = wanted.map(|(kind, wanted)| Count { kind, wanted: *wanted, up: up(facts.world, kind).min(*wanted) });
    let mut counts = counts.collect::<Vec<_>>();
    let served = assignment.served();
    counts.sort_by_key(|count| (Some(count.kind) != served.as_ref(), count.kind));
    let Some((first, rest)) = counts.split_first() else {
        return (State::Stopped, format!("{app} runs nothing: it is scaled to 0."));
    };
    // Nobody reaches what is left.
    if served.as_ref().is_some_and(|served| served != first.kind) {
        let others = counts.iter().map(Count::told).collect::<Vec<_>>().join(", ");
        return (State::Stopped, format!("{app} does not serve: it is scaled to 0; {others}."));
    }
    let (verb, none) = if served.is_some() { ("serves", "is down") } else { ("works", "does not work") };
    let lacking = rest.iter().filter(|count| count.up < count.wanted).map(Count::told).collect::<Vec<_>>();
    let behind = if lacking.is_empty() { String::new() } else { format!(", but {}", lacking.join(", ")) };
    let unknown = problems.iter().filter(|problem| problem.cause.code == Code::NotRouted && problem.pod.is_some());
    let unknown = unknown.map(|problem| problem.others + 1).sum::<usize>();
    let deploying =
        if assignment.deploying { format!("; {} is being deployed", assignment.release) } else { String::new() };
    let told = first.told();
    let rules = &assignment.routing.rules;
    if served.is_some() && !rules.routable {
        return (State::Down, format!("{app} cannot be reached: routing is switched off; {told}."));
    }
    if served.is_some() && rules.maintenance == Some(true) {
        return (State::Down, format!("{app} is in maintenance; {told}{deploying}."));
    }
    if served.is_some() && assignment.routing.domains.is_empty() {
        return (State::Down, format!("{app} cannot be reached: it has no domain; {told}."));
    }
    if unknown > 0 {
        let is = if unknown == 1 { "is" } else { "are" };
        let told = format!("{app} {verb} in part: {told}, but {unknown} {is} not in every router's table{deploying}.");
        return (State::Degraded, told);
    }
    match first.up {
        0 if assignment.deploying => (State::Down, format!("{app} {none}: {told}{deploying}.")),
        0 => (State::Down, format!("{app} {none}: {told}{behind}.")),
        up if up < first.wanted => (State::Degraded, format!("{app} {verb} in part: {told}{behind}{deploying}.")),
        _ if lacking.is_empty() => (State::Up, format!("{app} {verb}: {told}{deploying}.")),
        _ => (State::Degraded, format!("{app} {verb}: {told}{behind}{deploying}.")),
    }
}

struct Count<'a> {
    kind: &'a ProcType,
    wanted: u32,
    up: u32,
}

impl Count<'_> {
    fn told(&self) -> String {
        let Self { kind, wanted, up } = self;
        let (noun, verb) = if *wanted == 1 { ("pod", "is") } else { ("pods", "are") };
        format!("{up} of {wanted} {kind} {noun} {verb} ready")
    }
}

/// How many pods of a process type are ready, of all releases.
fn up(world: &World, kind: &ProcType) -> u32 {
    let controllers = world.controllers.iter().filter(|controller| controller.proc_type == *kind);
    controllers.map(|controller| controller.ready().min(controller.replicas)).fold(0, u32::saturating_add)
}
