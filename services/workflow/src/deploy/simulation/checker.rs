use std::collections::{BTreeMap, BTreeSet};

use deis_api::{ProcType, ReleaseVersion};

use crate::ledger::ReleaseState;

use super::Fate;
use super::kubernetes::{Namespace, SimulatedPod, uid};
use super::universe::State;

/// What must hold at every moment and at the end, and what did not.
#[derive(Clone, Debug, Default)]
pub(super) struct Checker {
    /// Process type to the pods that have to serve: what was asked for or, if that was less, what was ready when all was at rest
    /// last; less what broke by itself since.
    floor: BTreeMap<ProcType, u32>,
    /// What autoscalers have set since somebody scaled last: so many pods have to be there in the end.
    pub(super) autoscaled: BTreeMap<ProcType, u32>,
    /// Releases that may fail although their pods would serve: something happened to them.
    may_fail: BTreeSet<ReleaseVersion>,
    /// How often each release's command was started.
    commands: BTreeMap<ReleaseVersion, u32>,
    /// Pods whose restart was acknowledged.
    pub(super) restarted: BTreeSet<String>,
    /// The process that made the namespace last.
    pub(super) maker: Option<usize>,
    /// Processes that died, or ended a run because something was out of reach for too long.
    pub(super) broke_off: BTreeSet<usize>,
    pub(super) violations: Vec<String>,
}

impl State {
    pub(super) fn violation(&mut self, what: String) {
        self.note(|| format!("VIOLATION: {what}"));
        self.checker.violations.push(what);
    }

    fn capacity(&self, is_counted: impl Fn(u64, &SimulatedPod) -> bool) -> BTreeMap<ProcType, u32> {
        let mut counts = BTreeMap::new();
        let leaving = self.kubernetes.leaving();
        for (number, pod) in &self.kubernetes.pods {
            let is_told = || leaving.is_some_and(|leaving| leaving.contains(&uid(*number)));
            if pod.ready && is_counted(*number, pod) && !is_told() {
                *counts.entry(pod.key.1.clone()).or_default() += 1;
            }
        }
        counts
    }

    /// All is as it was wanted: from here on no less must serve.
    pub(super) fn rest(&mut self) {
        let serving = self.capacity(|_, _| true);
        let asked = self.asked().into_iter();
        let floor = asked.map(|(kind, asked)| {
            let serving = serving.get(&kind).copied().unwrap_or(0);
            (kind, serving.min(asked))
        });
        self.checker.floor = floor.collect();
    }

    /// How many pods there are to be.
    fn asked(&self) -> BTreeMap<ProcType, u32> {
        let mut asked = self.ledger.structure.clone();
        asked.extend(self.checker.autoscaled.clone());
        asked
    }

    /// An autoscaler has set another number.
    pub(super) fn autoscaled_to(&mut self, kind: ProcType, count: u32) {
        if let Some(floor) = self.checker.floor.get_mut(&kind) {
            *floor = count.min(*floor);
        }
        self.checker.autoscaled.insert(kind, count);
    }

    /// Something else is asked for.
    pub(super) fn ask(&mut self) {
        let asked = self.asked();
        for (kind, floor) in &mut self.checker.floor {
            *floor = (*floor).min(asked.get(kind).copied().unwrap_or(0));
        }
        self.checker.restarted.extend(self.ledger.restarts.iter().cloned());
        if self.ledger.destroying {
            self.checker.floor.clear();
        }
    }

    /// A pod broke that nobody wanted to break.
    pub(super) fn harm(&mut self, pod: &SimulatedPod) {
        if pod.ready
            && let Some(floor) = self.checker.floor.get_mut(&pod.key.1)
        {
            *floor = floor.saturating_sub(1);
        }
        self.excuse();
    }

    /// Something happened for which a release that is under way may fail.
    pub(super) fn excuse(&mut self) {
        let deploying = self.ledger.releases.iter().filter(|(_, row)| row.state == ReleaseState::Deploying);
        self.checker.may_fail.extend(deploying.map(|(version, _)| *version));
    }

    pub(super) fn check_goes(&mut self, number: u64, pod: &SimulatedPod, by: &str) {
        if !self.kubernetes.sends_to(pod) || self.ledger.destroying {
            return;
        }
        let uid = uid(number);
        let is_told = |leaving: Option<&BTreeSet<String>>| leaving.is_some_and(|leaving| leaving.contains(&uid));
        if !is_told(self.kubernetes.leaving()) {
            self.violation(format!("pod {number} is deleted by {by}, and no router was told"));
        } else if self.routers.iter().any(|router| !router.is_stuck && !is_told(router.table.leaving())) {
            self.violation(format!("pod {number} is deleted by {by}, and a router that answers was not waited for"));
        }
    }

    pub(super) fn check_capacity(&mut self, by: &str) {
        if self.ledger.destroying {
            return;
        }
        let all = self.capacity(|_, _| true);
        let mut known = vec![all];
        for router in self.routers.iter().filter(|router| !router.is_stuck) {
            let has = |number: u64| router.table.pods.get(&number).is_some_and(|pod| pod.ready);
            known.push(self.capacity(|number, pod| !self.kubernetes.sends_to(pod) || pod.broke || has(number)));
        }
        for (kind, floor) in self.checker.floor.clone() {
            if let Some(left) = known.iter().map(|known| known.get(&kind).copied().unwrap_or(0)).min()
                && left < floor
            {
                self.violation(format!("{left} of {floor} pods of {kind} serve after {by}"));
                // Once is enough.
                self.checker.floor.remove(&kind);
            }
        }
    }

    pub(super) fn check_fence(&mut self, what: &str, before: i64, after: i64) {
        if after < before {
            self.violation(format!("the fence of {what} goes from {before} to {after}"));
        }
    }

    pub(super) fn check_command(&mut self, release: ReleaseVersion) {
        let times = self.checker.commands.entry(release).or_default();
        *times += 1;
        if *times > 1 {
            self.violation(format!("the release command of {release} runs again"));
        }
    }

    pub(super) fn check_failure(&mut self, release: ReleaseVersion, why: &str) {
        let is_fine = self.kubernetes.fates.get(&release).is_some_and(|(fate, phase)| {
            *fate == Fate::Serves && !matches!(phase, crate::deploy::phase::PhaseState::Failed(_))
        });
        if is_fine && !self.checker.may_fail.contains(&release) {
            self.violation(format!("{release} failed without a reason: {why}"));
        }
    }

    /// What has to be when all is done.
    pub(super) fn check_end(&mut self) {
        let problems = if self.ledger.exists { self.left_and_missing() } else { self.remains() };
        for problem in problems {
            self.violation(problem);
        }
    }

    fn remains(&self) -> Vec<String> {
        let mut problems = Vec::new();
        // Somebody who was overtaken made the namespace again, and did not come to look once more.
        let is_orphan = self.checker.maker.is_some_and(|maker| self.checker.broke_off.contains(&maker));
        if self.kubernetes.namespace != Namespace::Absent && !is_orphan {
            problems.push("the app is forgotten and its namespace is there".to_owned());
        }
        if !self.has_let_go {
            problems.push("the app is forgotten and others keep things of it".to_owned());
        }
        problems
    }

    fn left_and_missing(&self) -> Vec<String> {
        let (ledger, kubernetes) = (&self.ledger, &self.kubernetes);
        let mut problems = Vec::new();
        let mut expect = |is_fine: bool, problem: &str| {
            if !is_fine {
                problems.push(format!("in the end {problem}"));
            }
        };
        expect(ledger.is_at_rest(), "the ledger has something to do");
        expect(ledger.desired == ledger.last_good(), "the newest good release is not the desired one");
        for (release, row) in &ledger.releases {
            let (fate, phase) = &kubernetes.fates[release];
            let can_serve = *fate == Fate::Serves && *phase == crate::deploy::phase::PhaseState::Succeeded;
            let is_good = row.state == ReleaseState::Good;
            // What serves already is not judged again.
            let can_serve = can_serve || *release == ReleaseVersion::FIRST;
            expect(can_serve || !is_good, "a release is good whose pods do not serve");
            expect(is_good || !can_serve || self.checker.may_fail.contains(release), "an acknowledged release is lost");
        }
        let wanted = self.asked().into_iter().map(|(kind, count)| ((ledger.desired, kind), count));
        let wanted = wanted.collect::<BTreeMap<_, _>>();
        let scaled = ledger.autoscale.iter().filter(|(kind, _)| self.asked().get(kind).is_some_and(|asked| *asked > 0));
        let scaled = scaled.map(|(kind, rule)| (kind, (ledger.desired, *rule))).collect::<BTreeMap<_, _>>();
        let entrusted = scaled.iter().map(|(kind, (release, _))| (*kind, *release));
        let is_entrusted = ledger.autoscaled.iter().map(|(kind, release)| (kind, *release)).eq(entrusted);
        expect(is_entrusted, &format!("the numbers of {:?} are an autoscaler's", ledger.autoscaled));
        let autoscalers = kubernetes.autoscalers.iter().map(|(kind, autoscaler)| (kind, autoscaler.value));
        expect(autoscalers.eq(scaled), &format!("the autoscalers are {:?}", kubernetes.autoscalers));
        let found = kubernetes.controllers.iter().map(|(key, controller)| (key.clone(), controller.value));
        let found = found.collect::<BTreeMap<_, _>>();
        expect(found == wanted, &format!("the controllers are {found:?}"));
        for (key, count) in &wanted {
            let ready = kubernetes.pods.values().filter(|pod| pod.key == *key && pod.ready).count();
            expect(ready == *count as usize, &format!("{ready} of {count} pods of {} are ready", key.1));
        }
        let running = wanted.iter().filter(|(_, count)| **count > 0).map(|((_, kind), _)| kind);
        let budgets = kubernetes.budgets.iter().filter(|(_, budget)| budget.value).map(|(kind, _)| kind);
        expect(running.eq(budgets), &format!("the budgets are {:?}", kubernetes.budgets));
        let pods = kubernetes.pods.len();
        expect(pods == wanted.values().sum::<u32>() as usize, &format!("there are {pods} pods"));
        let port = ledger.releases[&ledger.desired].port;
        expect(kubernetes.pods.values().all(|pod| pod.port == port), "pods listen on another port");
        let environments = kubernetes.environments.keys().copied().collect::<Vec<_>>();
        expect(environments == [ledger.desired], &format!("the environments are of {environments:?}"));
        let has_old = kubernetes.phases.keys().any(|version| *version != ledger.desired);
        expect(!has_old, "the pod of another release's command is left");
        let leaving = kubernetes.leaving();
        expect(leaving.is_some_and(BTreeSet::is_empty), &format!("the routers leave alone {leaving:?}"));
        problems
    }

    /// Pods that were to be replaced, and are still there.
    pub(super) fn check_restarted(&mut self) {
        let kept = self.kubernetes.pods.keys().filter(|number| self.checker.restarted.contains(&uid(**number)));
        let kept = kept.copied().collect::<Vec<_>>();
        if self.ledger.exists && !kept.is_empty() {
            self.violation(format!("the pods {kept:?} were to be replaced"));
        }
    }
}
