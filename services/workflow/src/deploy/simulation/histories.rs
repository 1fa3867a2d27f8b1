//! Random lives of an app, in which everything goes wrong that can. Each is made from its seed alone.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::deploy::effects::EffectError;
use crate::deploy::reconciler::Ending;
use crate::deploy::world::Trouble;

use super::calm::Pace;
use super::life::Life;
use super::universe::{Answer, At, State, Universe};
use super::wishes::Wish;

/// So many in `make test`; `DEIS_HISTORIES` is for others, `DEIS_HISTORY` for one seed alone.
const HISTORIES: u64 = 10_000;
/// So many things happen in each before all is mended.
const LENGTH: usize = 100;

/// The choices of one history, made from its seed; what is not chosen is the calmest that can be.
#[derive(Clone)]
struct Tape {
    seed: u64,
    made: u64,
    /// From here on all is calm.
    end: u64,
    calm: BTreeSet<u64>,
}

impl Tape {
    const fn new(seed: u64) -> Self {
        Self { seed, made: 0, end: u64::MAX, calm: BTreeSet::new() }
    }

    /// A number below `count`. By SplitMix64, which is the same for ever: a seed is to be good for as long as the code is.
    fn choose(&mut self, count: usize) -> usize {
        let at = self.made;
        self.made += 1;
        if at >= self.end || self.calm.contains(&at) || count == 0 {
            return 0;
        }
        let mut number = (self.seed << 20).wrapping_add(at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((number ^ (number >> 31)) % count as u64) as usize
    }
}

/// A controller's process with its run for the app, if there is one.
#[derive(Default)]
struct Replica {
    process: usize,
    life: Option<Life>,
    /// Its watches are cut.
    is_deaf: bool,
    /// Its last run was overtaken: it is to have another one.
    is_overtaken: bool,
}

struct History {
    universe: Universe,
    tape: Tape,
    replicas: [Replica; 2],
    /// Who has the deploy lock.
    lock: Option<usize>,
    processes: usize,
}

impl History {
    fn new(mut tape: Tape) -> Self {
        let universe = match tape.choose(3) {
            0 => Universe::at_rest(),
            1 => Universe::autoscaled(),
            _ => Universe::with_paths(),
        };
        let mut history =
            Self { universe, tape, replicas: [Replica::default(), Replica::default()], lock: None, processes: 0 };
        history.restart(0);
        history.restart(1);
        history
    }

    fn happen(&mut self) {
        let universe = self.universe.clone();
        match self.tape.choose(43) {
            0..=15 => self.go_on(),
            16..=22 => {
                let choice = self.tape.choose(8);
                universe.state().tick(choice);
            }
            23..=25 => {
                let (replica, told) = (self.tape.choose(2), self.tape.choose(16));
                let kinds = [1, 2, 4, 8].map(|kind| told & kind == 0);
                if !self.replicas[replica].is_deaf {
                    universe.state().deliver(self.replicas[replica].process, kinds);
                }
            }
            26..=28 => {
                let seldom = usize::from(self.tape.choose(4) != 0);
                let wish = Wish::lasting()[self.tape.choose(Wish::lasting().len() - seldom)];
                let mut state = universe.state();
                if wish.record(&mut state) && state.is_troubled() {
                    state.excuse();
                }
            }
            29 => {
                let replica = self.tape.choose(2);
                self.restart(replica);
            }
            30 | 39 => self.lock = None,
            31 | 32 => {
                let answer = [Answer::Conflict, Answer::Unavailable, Answer::Lost][self.tape.choose(3)];
                let process = self.replicas[self.tape.choose(2)].process;
                if let Some(mind) = universe.state().processes.get_mut(&process) {
                    mind.answer = answer;
                }
            }
            33 => {
                let (pod, how) = (self.tape.choose(8), self.tape.choose(3));
                universe.state().break_pod(pod, how);
            }
            34 => universe.state().mend_pods(),
            35 => {
                let mut state = universe.state();
                let router = &mut state.routers[self.tape.choose(2)];
                router.is_stuck = !router.is_stuck;
                state.tell_routers();
                state.excuse();
            }
            36 => {
                let mut state = universe.state();
                let down = &mut *state;
                let which =
                    [&mut down.kubernetes_is_down, &mut down.ledger_is_down].into_iter().nth(self.tape.choose(2));
                which.into_iter().for_each(|is_down| *is_down = !*is_down);
                state.excuse();
            }
            37 => {
                let seconds = [1, 5, 30, 130][self.tape.choose(4)];
                universe.state().excuse();
                universe.state().pass(Duration::from_secs(seconds));
            }
            40 | 41 => {
                let to = 1 + self.tape.choose(4);
                universe.state().autoscale(u32::try_from(to).unwrap());
            }
            38 => {
                let (policy, how) = (self.tape.choose(2), self.tape.choose(2));
                universe.state().tamper(policy, how);
            }
            _ => {
                let replica = &mut self.replicas[self.tape.choose(2)];
                replica.is_deaf = !replica.is_deaf;
                universe.state().excuse();
            }
        }
    }

    /// A process dies and another one takes its place.
    fn restart(&mut self, replica: usize) {
        self.processes += 1;
        self.universe.state().checker.broke_off.insert(self.replicas[replica].process);
        self.replicas[replica] = Replica { process: self.processes, ..Replica::default() };
        self.universe.state().enter(self.processes);
        self.universe.state().note(|| format!("process {} starts in the place of replica {replica}", self.processes));
        self.lock = self.lock.filter(|holder| *holder != replica);
    }

    /// A replica takes a step, or the lock for another run.
    fn go_on(&mut self) {
        let index = self.tape.choose(2);
        if self.replicas[index].life.is_none() {
            if self.lock.is_some() {
                return;
            }
            self.lock = Some(index);
            self.replicas[index].life = Some(Life::again(&self.universe, self.replicas[index].process));
            self.replicas[index].is_overtaken = false;
        }
        let Replica { process, life: Some(life), is_deaf, .. } = &mut self.replicas[index] else { return };
        let is_awake = self.universe.state().wakes(*process);
        let end = match (is_awake, *is_deaf) {
            (true, _) => {
                self.universe.wake(*process);
                life.step()
            }
            (false, false) => self.universe.go_on(life, Pace::OneByOne),
            (false, true) => {
                self.universe.state().pass(Duration::from_millis(500));
                None
            }
        };
        if let Some(end) = end {
            self.end(index, &end);
        }
    }

    fn end(&mut self, index: usize, end: &Result<Ending, EffectError>) {
        let process = self.replicas[index].process;
        self.universe.state().note(|| format!("process {process} ends: {end:?}"));
        self.replicas[index].life = None;
        self.replicas[index].is_overtaken = matches!(end, Err(EffectError::Fenced(_)));
        self.lock = self.lock.filter(|holder| *holder != index);
        let mut state = self.universe.state();
        if matches!(end, Err(EffectError::Unavailable(_) | EffectError::Changed)) {
            state.checker.broke_off.insert(process);
        }
        let is_alone = self.replicas.iter().all(|replica| replica.life.is_none());
        if matches!(end, Ok(Ending::Settled)) && is_alone && state.is_quiet() {
            state.rest();
        }
    }

    fn finish(&mut self, index: usize, mut life: Life) {
        if let Some(end) = (0..2000).find_map(|_| self.universe.go_on(&mut life, Pace::OneByOne)) {
            self.end(index, &end);
        }
    }

    fn run(mut self) -> (Result<(), String>, Tape) {
        for _ in 0..LENGTH {
            self.happen();
            if !self.universe.state().checker.violations.is_empty() {
                break;
            }
        }
        self.universe.state().heal();
        for index in 0..self.replicas.len() {
            if let Some(life) = self.replicas[index].life.take() {
                self.finish(index, life);
            }
            if self.replicas[index].is_overtaken {
                self.finish(index, Life::again(&self.universe, self.replicas[index].process));
            }
        }
        self.universe.finish(self.processes + 1, Pace::OneByOne);
        (self.universe.verdict(), self.tape)
    }
}

impl Universe {
    pub(super) fn wake(&self, process: usize) {
        if let Some(mind) = self.state().processes.get_mut(&process) {
            mind.at = At::Work;
        }
    }
}

impl State {
    fn is_troubled(&self) -> bool {
        let is_lame = self.kubernetes.pods.values().any(|pod| pod.is_lame);
        is_lame || self.kubernetes_is_down || self.ledger_is_down || self.routers.iter().any(|router| router.is_stuck)
    }

    fn is_quiet(&self) -> bool {
        self.ledger.is_at_rest() && self.kubernetes.happenings(&Default::default()).is_empty()
    }

    /// A pod's process ends, it gets unready, or its node goes.
    fn break_pod(&mut self, choice: usize, how: usize) {
        let Some(number) = self.kubernetes.pods.keys().nth(choice).copied() else { return };
        let mut pod = self.kubernetes.pods[&number].clone();
        self.harm(&pod);
        self.note(|| format!("pod {number} of {} {} breaks ({how})", pod.key.0, pod.key.1));
        let cluster = self.cluster();
        cluster.note(&pod.key);
        if how == 2 {
            cluster.pods.remove(&number);
            return;
        }
        pod.ready = false;
        (pod.is_lame, pod.broke) = (true, true);
        pod.trouble = (how == 0).then_some(Trouble::Exited { code: 1, times: 1, after: None });
        cluster.pods.insert(number, pod);
    }

    /// Somebody changes or deletes what says what a node may take.
    fn tamper(&mut self, choice: usize, how: usize) {
        let Some(kind) = self.kubernetes.budgets.keys().nth(choice).cloned() else { return };
        self.note(|| format!("somebody tampers with the budget of {kind} ({how})"));
        let cluster = self.cluster();
        let number = cluster.number();
        match cluster.budgets.get_mut(&kind) {
            Some(budget) if how == 0 => (budget.version, budget.value) = (number, false),
            _ => drop(cluster.budgets.remove(&kind)),
        }
    }

    fn mend_pods(&mut self) {
        for pod in self.cluster().pods.values_mut().filter(|pod| pod.is_lame) {
            (pod.is_lame, pod.trouble) = (false, None);
        }
    }

    /// All works again.
    fn heal(&mut self) {
        self.note(|| "all is mended".to_owned());
        self.excuse();
        (self.kubernetes_is_down, self.ledger_is_down) = (false, false);
        self.routers.iter_mut().for_each(|router| router.is_stuck = false);
        self.tell_routers();
        self.mend_pods();
    }
}

/// The same history with as little in it as it still fails with.
fn shrunk(mut tape: Tape) -> Tape {
    let fails = |tape: &Tape| History::new(Tape { made: 0, ..tape.clone() }).run().0.is_err();
    let with_end = |end| Tape { end, ..tape.clone() };
    tape = (0..tape.made).map(with_end).find(fails).unwrap_or(tape);
    for at in (0..tape.end).rev() {
        let mut calmer = tape.clone();
        calmer.calm.insert(at);
        if fails(&calmer) {
            tape = calmer;
        }
    }
    tape
}

fn look_at(seed: u64, has_failed: &AtomicBool) {
    let (verdict, tape) = History::new(Tape::new(seed)).run();
    let Err(whole) = verdict else { return };
    println!("the history {seed} fails; it is made smaller");
    has_failed.store(true, Ordering::Relaxed);
    let small = History::new(Tape { made: 0, ..shrunk(tape) }).run().0.err().unwrap_or(whole);
    panic!("again with DEIS_HISTORY={seed}: {small}");
}

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

#[test]
fn whatever_happens_nothing_acknowledged_is_lost_and_nobody_is_cut_off() {
    if let Some(seed) = asked("DEIS_HISTORY") {
        return look_at(seed, &AtomicBool::default());
    }
    let count = asked("DEIS_HISTORIES").unwrap_or(HISTORIES);
    let threads = std::thread::available_parallelism().map_or(1, |number| number.get() as u64);
    let has_failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let threads = (0..threads).map(|first| {
            let seeds = (first..count).step_by(threads as usize);
            let has_failed = &has_failed;
            scope.spawn(move || {
                for seed in seeds.take_while(|_| !has_failed.load(Ordering::Relaxed)) {
                    look_at(seed, has_failed);
                }
            })
        });
        threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    });
    println!("{count} histories, of the seeds 0 to {}", count.saturating_sub(1));
}
