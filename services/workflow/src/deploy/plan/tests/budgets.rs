use super::*;

/// What a look at the simulation leads to that is about budgets.
fn planned(simulation: &Simulation, goal: &Goal) -> Vec<String> {
    let world = simulation.world(&every_pod(simulation));
    let Plan::Act(actions) = plan(goal, &world) else { return Vec::new() };
    let of_budgets = actions.iter().filter_map(|action| match action {
        Action::Protect(kind) => Some(format!("protect {kind}")),
        Action::Unprotect(budget) => Some(format!("do not protect {}", budget.proc_type)),
        _ => None,
    });
    of_budgets.collect()
}

#[test]
fn a_type_has_a_budget_from_its_first_pod_on() {
    let mut simulation = Simulation::default();
    let goal = goal(OLD, &[("web", 2), ("worker", 0)], None);
    assert_eq!(planned(&simulation, &goal), ["protect web"]);
    run(&mut simulation, &goal);
    assert_eq!(simulation.budgets, [ProcType::web()].into());
}

/// `Simulation::unprotect` looks that nothing is left then.
#[test]
fn a_type_that_goes_is_covered_until_its_last_pod_has_gone() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("web", 2), ("clock", 2)]));
    simulation.is_slow = true;
    let upgrade = goal(new(), &[("web", 2), ("worker", 1)], Some(1));
    assert_eq!(planned(&simulation, &upgrade), ["protect worker"]);
    run(&mut simulation, &upgrade);
    assert_eq!(simulation.budgets, [ProcType::web(), "worker".parse().unwrap()].into());
    run(&mut simulation, &goal(new(), &[("web", 0), ("worker", 1)], None));
    assert_eq!(simulation.budgets, ["worker".parse().unwrap()].into());
    run(&mut simulation, &goal(new(), &[("web", 1), ("worker", 1)], None));
    assert_eq!(simulation.budgets, [ProcType::web(), "worker".parse().unwrap()].into());
}

#[test]
fn a_budget_that_somebody_has_changed_or_deleted_is_made_again() {
    let simulation = Simulation::serving(OLD, &processes(&[("web", 2)]));
    let goal = goal(OLD, &[("web", 2)], None);
    let mut world = simulation.world(&every_pod(&simulation));
    assert_eq!(plan(&goal, &world), Plan::Done);
    world.budgets[0].is_right = false;
    assert_eq!(plan(&goal, &world), Plan::Act(vec![Action::Protect(&ProcType::web())]));
    world.budgets.clear();
    assert_eq!(plan(&goal, &world), Plan::Act(vec![Action::Protect(&ProcType::web())]));
}
