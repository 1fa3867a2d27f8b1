//! How an app is, and why: a pure function of what the ledger wants and what the watches see.

mod headline;
mod under_way;

use std::collections::BTreeSet;

use deis_api::{AppName, Code, ProcType, ReleaseVersion};
use jiff::Timestamp;

use crate::deploy::probe::Probe;
use crate::deploy::refusal::Refusal;
use crate::deploy::world::{Controller, Pod, Served, Trouble, World};
use crate::deploy::{Assignment, Cause, PodList, Routers};
use crate::error::{Error, Kind};
use crate::ledger::{App, Ledger, Release, ReleaseState, Window};

/// What an explanation is made of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The app.
    pub app: &'a App,
    /// What it is to run.
    pub assignment: &'a Assignment,
    /// Its newest release, failed ones included.
    pub newest: Option<&'a Release>,
    /// What exists of it; pods are reachable that the routers have in their tables.
    pub world: &'a World,
    /// Whether its Service is what it should be.
    pub is_served: bool,
    /// When this is.
    pub now: Timestamp,
}

/// How an app is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The app.
    pub app: AppName,
    /// The release that is to serve.
    pub release: ReleaseVersion,
    /// For programs.
    pub state: State,
    /// For people, in one sentence.
    pub headline: String,
    /// What is to be known of it, the most important first.
    pub problems: Vec<Problem>,
}

/// How an app is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All that was asked for serves or works.
    Up,
    /// Some of it does.
    Degraded,
    /// None of the processes that people reach does.
    Down,
    /// It is to run nothing.
    Stopped,
    /// It is about to go.
    BeingDestroyed,
}

/// Something that is to be known of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it is.
    pub cause: Cause,
    /// The process type that has it.
    pub proc_type: Option<ProcType>,
    /// The release that has it.
    pub release: Option<ReleaseVersion>,
    /// The pod that has it,
    pub pod: Option<String>,
    /// and how many others have the same.
    pub others: usize,
    /// How often the pod's process was started again.
    pub restarts: u32,
    /// The probe that found it.
    pub probe: Option<Probe>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// The last lines of the process.
    pub last_lines: Vec<String>,
}

impl Problem {
    fn new(cause: Cause) -> Self {
        let (proc_type, release, pod, probe, since) = Default::default();
        Self { cause, proc_type, release, pod, others: 0, restarts: 0, probe, since, last_lines: Vec::new() }
    }

    /// Whether it is the same in another pod.
    fn is_like(&self, other: &Self) -> bool {
        let of = |problem: &Self| (problem.cause.code, problem.proc_type.clone(), problem.release);
        self.pod.is_some() && other.pod.is_some() && of(self) == of(other)
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Stopped => "stopped",
            Self::BeingDestroyed => "being-destroyed",
        })
    }
}

/// Explains an app from what is known of it now. Only the routers are asked: which of its ready pods they have.
///
/// # Errors
/// The app is gone, or the ledger cannot be reached.
pub async fn explained(
    ledger: &dyn Ledger,
    pods: &dyn PodList,
    routers: &dyn Routers,
    app: &App,
) -> Result<Explanation, Error> {
    let assignment = ledger.desired(&app.id).await?.ok_or(Error::Missing(Kind::App))?;
    let newest = ledger.releases(&app.id, Window { limit: 1, offset: 0 }).await?.items.into_iter().next();
    let served = assignment.routed();
    let mut reachable = BTreeSet::new();
    let mut world = pods.world(&app.id, &served, &reachable);
    let of_served = world.controllers.iter().filter(|controller| served.contains(&controller.proc_type));
    let ready = of_served.flat_map(|controller| &controller.pods).filter(|pod| pod.gets_requests());
    let ready = ready.map(|pod| pod.uid.clone()).collect::<BTreeSet<_>>();
    if !ready.is_empty() {
        reachable = routers.reachable(&app.id, &ready).await;
        world = pods.world(&app.id, &served, &reachable);
    }
    Ok(explain(&Facts {
        app,
        assignment: &assignment,
        newest: newest.as_ref(),
        world: &world,
        is_served: pods.is_served(&app.id, &assignment.routing),
        now: Timestamp::now(),
    }))
}

/// Explains an app.
#[must_use]
pub fn explain(facts: &Facts<'_>) -> Explanation {
    let mut problems = Vec::new();
    if let Some(since) = facts.app.destroying {
        let cause = Cause {
            code: Code::BeingDestroyed,
            sentence: format!("{} is being destroyed; its name is free again when that is done.", facts.app.id),
            next: format!("Wait for it, or see what keeps its namespace: kubectl describe namespace {}", facts.app.id),
        };
        problems.push(Problem { since: Some(since), ..Problem::new(cause) });
    } else {
        problems.extend(unready_pods(facts));
        problems.extend(missing_pods(facts));
        problems.extend(newest_failed(facts));
        problems.extend(stopped(facts));
        problems.extend(unrouted(facts));
        problems.extend(under_way::of(facts));
        problems.extend(started_again(facts));
    }
    let problems = merged(problems);
    let (state, headline) = headline::of(facts, &problems);
    Explanation { app: facts.app.id.clone(), release: facts.assignment.release, state, headline, problems }
}

/// What several pods have in common is told once.
fn merged(problems: Vec<Problem>) -> Vec<Problem> {
    let mut merged: Vec<Problem> = Vec::new();
    for problem in problems {
        match merged.iter_mut().find(|known| known.is_like(&problem)) {
            Some(known) => known.others += 1,
            None => merged.push(problem),
        }
    }
    merged
}

/// The controllers of the release that is to serve.
fn ours<'a>(facts: &Facts<'a>) -> impl Iterator<Item = &'a Controller> + use<'a> {
    let (release, world) = (facts.assignment.release, facts.world);
    world.controllers.iter().filter(move |controller| controller.version == release)
}

/// Pods that are not ready: what cannot mend first, what only takes its time last.
fn unready_pods(facts: &Facts<'_>) -> Vec<Problem> {
    let pods = ours(facts).flat_map(|controller| controller.pods.iter().map(move |pod| (controller, pod)));
    let mut unready = pods
        .filter(|(_, pod)| !pod.ready && !pod.draining)
        .map(|(controller, pod)| of_pod(facts, controller, pod, pod.trouble.as_ref()))
        .collect::<Vec<_>>();
    unready.sort_by_key(|problem| (problem.cause.code == Code::Starting, problem.since));
    unready
}

fn of_pod(facts: &Facts<'_>, controller: &Controller, pod: &Pod, trouble: Option<&Trouble>) -> Problem {
    let kind = &controller.proc_type;
    let mut cause = Cause::of_pod(facts.assignment, kind, trouble, None);
    let age = pod.record.since.map(|since| facts.now.duration_since(since));
    let patience = facts.assignment.patience();
    let is_young = age.is_none_or(|age| age.unsigned_abs() < patience) && pod.record.restarts == 0;
    // Every process takes its time; how long it may take is the deploy's own limit.
    if is_young && matches!(trouble, None | Some(Trouble::Unready { .. })) {
        cause.code = Code::Starting;
        cause.next = format!("Wait: it has {} s. See what it says: deis logs --process {kind}.", patience.as_secs());
    }
    Problem {
        proc_type: Some(kind.clone()),
        release: Some(controller.version),
        pod: Some(pod.name.clone()),
        restarts: pod.record.restarts,
        probe: match trouble {
            Some(Trouble::Unready { probe, .. }) => Some(*probe),
            Some(Trouble::Unresponsive { found, .. }) => Some(found.probe),
            _ => None,
        },
        since: pod.record.since,
        last_lines: pod.record.last_lines.clone(),
        ..Problem::new(cause)
    }
}

/// Pods that are ready now and were not always.
fn started_again(facts: &Facts<'_>) -> Vec<Problem> {
    let pods = ours(facts).flat_map(|controller| controller.pods.iter().map(move |pod| (controller, pod)));
    let again = pods.filter(|(_, pod)| pod.ready).filter_map(|(controller, pod)| {
        let trouble = pod.trouble.as_ref()?;
        let problem = of_pod(facts, controller, pod, Some(trouble));
        Some(Problem { since: pod.record.ended, ..problem })
    });
    again.collect()
}

/// Pods that Kubernetes does not make.
fn missing_pods(facts: &Facts<'_>) -> Vec<Problem> {
    let missing = ours(facts).filter_map(|controller| {
        let kind = &controller.proc_type;
        let (made, wanted) = (controller.pods.len(), usize::try_from(controller.replicas).unwrap_or(usize::MAX));
        let refusal = controller.refusal.as_deref().map(Refusal::parse);
        let cause = match refusal.filter(|refusal| !matches!(refusal, Refusal::Passing(_))) {
            Some(refusal) => Cause::of_refusal(kind, &refusal),
            None if made < wanted => Cause {
                code: Code::Starting,
                sentence: format!("Kubernetes has made {made} of {wanted} {kind} pods so far."),
                next: "Wait a moment; if it stays so, ask an administrator to run 'deisctl doctor'.".to_owned(),
            },
            None => return None,
        };
        Some(Problem { proc_type: Some(kind.clone()), release: Some(controller.version), ..Problem::new(cause) })
    });
    missing.collect()
}

/// A newest release that never came up: an older one is there in its stead.
fn newest_failed(facts: &Facts<'_>) -> Option<Problem> {
    let newest = facts.newest.filter(|newest| newest.state == ReleaseState::Failed)?;
    let (code, why) = newest.failure.clone().unwrap_or((Code::Internal, "it is not known why.".to_owned()));
    let instead = match &facts.assignment.image {
        Some(_) => format!("{} is in its place", facts.assignment.release),
        None => "nothing was deployed before".to_owned(),
    };
    let cause = Cause {
        code,
        sentence: format!("The newest release {} failed, {instead}: {why}", newest.version),
        next: format!("See all of it: deis releases:info {}.", newest.version),
    };
    Some(Problem {
        release: Some(newest.version),
        since: Some(newest.updated),
        last_lines: newest.log_tail.clone(),
        ..Problem::new(cause)
    })
}

/// An app that is to run nothing.
fn stopped(facts: &Facts<'_>) -> Option<Problem> {
    let Facts { app, assignment, .. } = facts;
    if assignment.image.is_none() {
        let cause = Cause {
            code: Code::NoBuild,
            sentence: format!("{} has no build yet, so there is nothing to run.", app.id),
            next: "Push its source (git push deis master) or deploy an image (deis pull IMAGE).".to_owned(),
        };
        return Some(Problem { since: Some(app.created), ..Problem::new(cause) });
    }
    let kind = assignment.served().or_else(|| assignment.processes.keys().next().cloned())?;
    let is_wanted = if assignment.served().is_some() {
        assignment.processes.get(&kind).is_some_and(|wanted| *wanted > 0)
    } else {
        assignment.processes.values().any(|wanted| *wanted > 0)
    };
    if is_wanted {
        return None;
    }
    let cause = Cause {
        code: Code::ScaledToZero,
        sentence: format!("{} is scaled to 0 {kind} processes.", app.id),
        next: format!("Scale it up: deis scale {kind}=1."),
    };
    Some(Problem { proc_type: Some(kind), ..Problem::new(cause) })
}

/// What runs and cannot be reached.
fn unrouted(facts: &Facts<'_>) -> Vec<Problem> {
    let Facts { app, assignment, world, .. } = facts;
    let mut problems = Vec::new();
    let Some(kind) = assignment.served().filter(|_| assignment.image.is_some()) else { return problems };
    let rules = &assignment.routing.rules;
    if !rules.routable {
        let cause = Cause {
            code: Code::NotRouted,
            sentence: format!("Routing is switched off for {}, so no router serves it.", app.id),
            next: format!("Switch it on: deis routing:enable -a {}.", app.id),
        };
        problems.push(Problem::new(cause));
    } else if rules.maintenance == Some(true) {
        let cause = Cause {
            code: Code::Maintenance,
            sentence: format!("{} is in maintenance: the routers answer 503 in its stead.", app.id),
            next: format!("When the work is done: deis maintenance:off -a {}.", app.id),
        };
        problems.push(Problem::new(cause));
    }
    if assignment.routing.domains.is_empty() {
        let cause = Cause {
            code: Code::NotRouted,
            sentence: format!("{} has no domain, so no router serves it.", app.id),
            next: format!("Give it one: deis domains:add {}.", app.id),
        };
        problems.push(Problem::new(cause));
    }
    let served = Served { app: Some(kind), ..assignment.routed() };
    for controller in world.controllers.iter().filter(|controller| served.contains(&controller.proc_type)) {
        let kind = &controller.proc_type;
        let unknown = controller.pods.iter().filter(|pod| pod.ready && !pod.draining && !pod.reachable);
        problems.extend(unknown.map(|pod| {
            let cause = Cause {
                code: Code::NotRouted,
                sentence: format!("The {kind} pod {} is ready, but not every router has it in its table.", pod.name),
                next: "Ask again in a moment; if it stays so, ask an administrator to run 'deisctl doctor'.".to_owned(),
            };
            Problem {
                proc_type: Some(kind.clone()),
                release: Some(controller.version),
                pod: Some(pod.name.clone()),
                since: pod.record.since,
                ..Problem::new(cause)
            }
        }));
    }
    problems
}

#[cfg(test)]
mod tests;
