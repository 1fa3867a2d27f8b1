use deis_kube::objects::Drain;

use super::*;

fn drain(epoch: i64, uids: &[&str]) -> Drain {
    Drain { epoch, leaving: uids.iter().map(|uid| (*uid).to_owned()).collect() }
}

/// The next actions, taken; a line for each.
fn step(simulation: &mut Simulation, goal: &Goal) -> Vec<String> {
    let world = simulation.world(&every_pod(simulation));
    let Plan::Act(actions) = plan(goal, &world) else { return Vec::new() };
    let lines = actions.iter().map(|action| match action {
        Action::Drain(_, drain) => format!("drain {drain}"),
        Action::Shrink(controller, to, pods) => {
            format!("{} {} to {to}: {}", controller.version, controller.proc_type, pods.len())
        }
        other => format!("{other:?}").chars().take_while(char::is_ascii_alphabetic).collect(),
    });
    let lines = lines.collect();
    actions.iter().for_each(|action| simulation.take(goal.release, action));
    lines
}

#[test]
fn routers_are_told_before_pods_go_and_told_when_none_goes_any_more() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("web", 3), ("worker", 2)]));
    simulation.is_slow = true;
    let fewer = goal(OLD, &[("web", 1), ("worker", 1)], None);
    let uids =
        simulation.controllers[&(OLD, ProcType::web())].pods.iter().map(|pod| pod.uid.clone()).collect::<Vec<_>>();
    assert_eq!(
        step(&mut simulation, &fewer),
        ["v1 worker to 1: 1".to_owned(), format!("drain {}", drain(1, &[&uids[0], &uids[1]]))],
        "no router chooses workers"
    );
    assert_eq!(step(&mut simulation, &fewer), ["v1 web to 1: 2"]);
    while simulation.controllers.values().any(|controller| controller.pods.len() > 1) {
        assert_eq!(step(&mut simulation, &fewer), Vec::<String>::new(), "Kubernetes has yet to delete them");
        assert!(simulation.tick());
    }
    assert_eq!(step(&mut simulation, &fewer), [format!("drain {}", drain(2, &[]))]);
    assert!(matches!(plan(&fewer, &simulation.world(&every_pod(&simulation))), Plan::Done));
}

/// Of every process type that the routers send to, under one epoch.
#[test]
fn routers_are_told_of_pods_of_a_type_with_paths_too() {
    let mut simulation = Simulation::default();
    simulation.paths.insert("api".parse().unwrap());
    let all = [("api", 3), ("web", 3), ("worker", 3)];
    run(&mut simulation, &goal(OLD, &all, None));
    let fewer = goal(OLD, &[("api", 2), ("web", 1), ("worker", 2)], None);
    let told = step(&mut simulation, &fewer);
    let [worker, word] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((worker.as_str(), word.starts_with("drain ")), ("v1 worker to 2: 1", true), "{told:?}");
    let leaving = simulation.drain.leaving.clone();
    let leaves = |kind: &str| {
        let pods = &simulation.controllers[&(OLD, kind.parse().unwrap())].pods;
        pods.iter().filter(|pod| leaving.contains(&pod.uid)).count()
    };
    assert_eq!((leaves("api"), leaves("web"), leaving.len()), (1, 2, 3));
    assert_eq!(step(&mut simulation, &fewer), ["v1 api to 2: 1", "v1 web to 1: 2"]);
    assert_eq!(step(&mut simulation, &fewer), [format!("drain {}", drain(2, &[]))]);
    // A release replaces them all, and nobody goes of whom no router was told.
    run(&mut simulation, &goal(new(), &all, Some(1)));
    assert_eq!(simulation.replicas(), ["v2 api 3", "v2 web 3", "v2 worker 3"]);
}

#[test]
fn pods_that_stay_after_all_are_chosen_again() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("web", 3)]));
    let uids =
        simulation.controllers[&(OLD, ProcType::web())].pods.iter().map(|pod| pod.uid.clone()).collect::<Vec<_>>();
    step(&mut simulation, &goal(OLD, &[("web", 1)], None));
    // One more is wanted than before.
    let more = goal(OLD, &[("web", 2)], None);
    assert_eq!(step(&mut simulation, &more), ["v1 web to 2: 1".to_owned(), format!("drain {}", drain(2, &[&uids[0]]))]);
    // Nothing is to change any more; and one is drained that nobody has to go.
    simulation.drain(&drain(3, &[&uids[1], "gone"]));
    assert_eq!(step(&mut simulation, &more), [format!("drain {}", drain(4, &[]))]);
    assert_eq!(step(&mut simulation, &more), Vec::<String>::new());
}

/// A pod that is not ready may become so before it is gone.
#[test]
fn routers_are_told_of_pods_that_are_not_ready() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("web", 2)]));
    simulation.controllers.values_mut().flat_map(|controller| &mut controller.pods).for_each(|pod| pod.ready = false);
    let none = goal(OLD, &[("web", 0)], None);
    let uids =
        simulation.controllers[&(OLD, ProcType::web())].pods.iter().map(|pod| pod.uid.clone()).collect::<Vec<_>>();
    assert_eq!(step(&mut simulation, &none), [format!("drain {}", drain(1, &[&uids[0], &uids[1]]))]);
    assert_eq!(step(&mut simulation, &none), ["v1 web to 0: 2"]);
}

/// A pod that no router serves needs no word, and an app without a Service has no routers.
#[test]
fn nobody_is_told_of_pods_that_get_no_requests() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("worker", 2)]));
    assert_eq!(step(&mut simulation, &goal(OLD, &[("worker", 0)], None)), ["v1 worker to 0: 2"]);
    let none = goal(OLD, &[("web", 0)], None);

    let simulation = Simulation::serving(OLD, &processes(&[("web", 2)]));
    let mut world = simulation.world(&every_pod(&simulation));
    world.service = None;
    let Plan::Act(actions) = plan(&none, &world) else { panic!("something is to be done") };
    assert!(matches!(actions.as_slice(), [Action::Shrink(..)]), "{actions:?}");
}

/// Pods of a batch that is under way still serve when the next release takes over: they count again as soon as the routers know.
#[test]
fn drained_pods_do_not_count_before_they_are_chosen_again() {
    let mut simulation = Simulation::serving(OLD, &processes(&[("web", 2)]));
    let upgrade = goal(new(), &[("web", 2)], None);
    while simulation.drain.leaving.is_empty() {
        while simulation.tick() {}
        step(&mut simulation, &upgrade);
    }
    let back = goal(OLD, &[("web", 2)], None);
    assert_eq!(
        step(&mut simulation, &back),
        [format!("drain {}", drain(2, &[]))],
        "the failed release's pods stay for now"
    );
    let told = step(&mut simulation, &back);
    assert!(told[0].starts_with("drain {\"epoch\":3"), "{told:?}");
    assert_eq!(step(&mut simulation, &back), ["v2 web to 0: 2"]);
}
