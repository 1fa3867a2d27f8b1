//! What the histories have found, each told shortly.

use crate::deploy::effects::EffectError;
use crate::deploy::reconciler::Ending;

use super::calm::Pace;
use super::kubernetes::Namespace;
use super::life::Life;
use super::universe::{At, Universe};
use super::wishes::Wish;

impl Universe {
    fn with(wish: Wish) -> Self {
        let universe = Self::at_rest();
        universe.wish(wish);
        universe
    }

    fn wish(&self, wish: Wish) {
        assert!(wish.record(&mut self.state()));
    }

    fn until(&self, life: &mut Life, place: At) {
        for _ in 0..1000 {
            assert!(self.go_on(life, Pace::OneByOne).is_none(), "it ends before {place:?}");
            if self.state().processes[&life.id].at == place {
                return;
            }
        }
        panic!("it does not come to {place:?}");
    }

    fn to_its_end(&self, life: &mut Life) -> Result<Ending, EffectError> {
        (0..1000).find_map(|_| self.go_on(life, Pace::OneByOne)).expect("an end")
    }
}

/// The checker wants every router to be told of them.
#[test]
fn pods_with_paths_leave_as_those_of_web_do() {
    for wish in [Wish::Release, Wish::Scale(1), Wish::Restart] {
        let universe = Universe::with_paths();
        universe.wish(wish);
        universe.finish(1, Pace::OneByOne);
        universe.verdict().unwrap();
    }
}

#[test]
fn whoever_was_overtaken_does_not_run_the_release_command_again() {
    for wish in [Wish::Command, Wish::FailingCommand] {
        let universe = Universe::with(wish);
        let mut late = Life::begin(&universe, 1);
        universe.until(&mut late, At::Before("start-phase"));
        universe.finish(2, Pace::OneByOne);
        assert!(matches!(universe.to_its_end(&mut late), Err(EffectError::Fenced(_))));
        universe.finish(3, Pace::OneByOne);
        universe.verdict().unwrap();
    }
}

#[test]
fn a_pod_that_gets_ready_just_before_it_is_replaced_gets_no_requests_any_more() {
    let universe = Universe::with(Wish::RestartIdle);
    let mut life = Life::begin(&universe, 1);
    universe.until(&mut life, At::Before("replace"));
    universe.state().cluster().pods.values_mut().for_each(|pod| pod.ready = true);
    universe.to_its_end(&mut life).unwrap();
    universe.verdict().unwrap();
}

#[test]
fn what_was_told_to_the_routers_is_not_forgotten_while_the_watches_are_late() {
    let universe = Universe::with(Wish::Scale(1));
    let mut life = Life::begin(&universe, 1);
    universe.until(&mut life, At::After("drain"));
    // Its pod is to stay after all, which is told, and then it is to go again.
    universe.wish(Wish::Scale(2));
    universe.until(&mut life, At::Before("drain"));
    universe.until(&mut life, At::After("drain"));
    universe.wish(Wish::Scale(1));
    // Of what it told itself it hears nothing.
    for _ in 0..100 {
        let id = life.id;
        {
            let mut state = universe.state();
            state.deliver(id, [true, true, false, true]);
            state.tick(0);
            if let At::Waiting { until, .. } = state.processes[&id].at {
                let left = until.saturating_sub(state.now);
                state.pass(left);
            }
        }
        universe.wake(id);
        assert!(life.step().is_none());
    }
    universe.to_its_end(&mut life).unwrap();
    universe.verdict().unwrap();
}

/// Somebody who has decided to take pods away, and does so when another one has taken over and goes by others.
#[test]
fn whoever_was_overtaken_takes_no_pods_away() {
    let universe = Universe::with(Wish::Release);
    let mut late = Life::begin(&universe, 1);
    universe.until(&mut late, At::After("drain"));
    universe.until(&mut late, At::Before("resize"));
    // The new release's pods break, and it is given up.
    {
        let mut state = universe.state();
        let release = state.ledger.desired;
        state.excuse();
        let crash = crate::deploy::world::Trouble::OutOfMemory;
        let fate = (super::Fate::Fails(crash.clone()), crate::deploy::phase::PhaseState::Succeeded);
        state.cluster().fates.insert(release, fate);
        for pod in state.cluster().pods.values_mut().filter(|pod| pod.key.0 == release) {
            (pod.ready, pod.trouble) = (false, Some(crash.clone()));
        }
    }
    let mut next = Life::begin(&universe, 2);
    universe.until(&mut next, At::Before("delete"));
    assert!(late.step().is_none());
    while universe.state().tick(0) {}
    assert_eq!(universe.to_its_end(&mut next).unwrap(), Ending::Settled);
    assert!(universe.to_its_end(&mut late).is_err());
    universe.finish(3, Pace::OneByOne);
    universe.verdict().unwrap();
}

/// Somebody who is about to make the namespace, and does so when the app is gone.
#[test]
fn whoever_was_overtaken_leaves_nothing_of_an_app_that_is_destroyed() {
    let universe = Universe::with(Wish::Release);
    let mut late = Life::begin(&universe, 1);
    universe.until(&mut late, At::Before("prepare"));
    universe.wish(Wish::Destroy);
    universe.finish(2, Pace::OneByOne);
    assert!(matches!(universe.to_its_end(&mut late), Err(EffectError::Fenced(_))));
    assert_eq!(universe.state().kubernetes.namespace, Namespace::There);
    assert!(matches!(universe.to_its_end(&mut Life::again(&universe, 1)), Err(EffectError::Gone(_))));
    universe.verdict().unwrap();
}
