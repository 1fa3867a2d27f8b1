use crate::deploy::goal::{Extra, Goal};
use crate::deploy::world::World;

use super::Action;

/// Gives process types that are to have pods their disruption budgets, at once; and takes those of others away, whose pods are covered
/// until all `is_over`: a budget that selects nothing would look like one that lets nothing go.
pub(super) fn budgets<'a>(goal: &'a Goal, world: &'a World, is_over: bool) -> Vec<Action<'a>> {
    let is_wanted = |proc_type| goal.processes.get(proc_type).is_some_and(|wanted| *wanted > 0);
    let is_there = |proc_type| world.budget(proc_type).is_some_and(|budget| budget.is_right);
    let is_refused = |proc_type| goal.is_refused(Extra::Budget, proc_type);
    let missing = goal.processes.keys().filter(|proc_type| is_wanted(proc_type) && !is_there(proc_type));
    let missing = missing.filter(|proc_type| !is_refused(proc_type));
    let left_over = world.budgets.iter().filter(|budget| is_over && !is_wanted(&budget.proc_type));
    let left_over = left_over.filter(|budget| !is_refused(&budget.proc_type));
    missing.map(Action::Protect).chain(left_over.map(Action::Unprotect)).collect()
}
