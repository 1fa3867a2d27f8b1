//! Two processes die one after the other, each at every place where it can, and a third one finishes.

use std::collections::BTreeSet;

use super::calm::Pace;
use super::life::Life;
use super::universe::{At, Universe};
use super::wishes::Wish;

/// A failpoint, or the end of a run.
fn failpoint(universe: &Universe, life: &Life) -> Option<String> {
    match universe.state().processes[&life.id].at {
        At::Before(name) => Some(format!("{name}.before")),
        At::After(name) => Some(format!("{name}.after")),
        At::Work | At::Reading | At::Waiting { .. } => None,
    }
}

/// Every world that a process leaves behind that dies at a failpoint.
fn deaths(universe: &Universe, id: usize, pace: Pace) -> Vec<(String, Universe)> {
    let universe = universe.fork();
    let mut life = Life::begin(&universe, id);
    let mut deaths = Vec::new();
    for _ in 0..20_000 {
        if universe.go_on(&mut life, pace).is_some() {
            break;
        }
        if let Some(name) = failpoint(&universe, &life) {
            let dead = universe.fork();
            dead.state().note(|| format!("process {id} dies at {name}"));
            deaths.push((name, dead));
        }
    }
    deaths
}

#[test]
fn every_pair_of_deaths_is_survived() {
    let (mut pairs, mut names, mut met) = (0, BTreeSet::new(), BTreeSet::new());
    for pace in [Pace::OneByOne, Pace::AllAtOnce] {
        for wish in Wish::ALL {
            for universe in [Universe::at_rest(), Universe::autoscaled()] {
                assert!(wish.record(&mut universe.state()));
                for (first, world) in deaths(&universe, 1, pace) {
                    for (second, world) in deaths(&world, 2, pace) {
                        world.finish(3, pace);
                        if let Err(story) = world.verdict() {
                            panic!("{wish:?}, {pace:?}, dead at {first} and then at {second}: {story}");
                        }
                        pairs += 1;
                        met.extend([first.clone(), second.clone()]);
                        names.insert((first.clone(), second));
                    }
                }
            }
        }
    }
    assert_eq!(met.len(), 46, "each effect has two sides: {met:?}");
    println!("{pairs} pairs of deaths, {} of different failpoints, at {} failpoints", names.len(), met.len());
}
