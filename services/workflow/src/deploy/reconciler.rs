//! Brings one app to what the ledger wants, step by step, under the deploy lock.

mod claims;
mod destroy;
mod phase;

use std::collections::BTreeSet;
use std::time::Duration;

use deis_api::{AppName, Code, ProcType, ReleaseVersion};
use deis_kube::objects::Routing;
use futures_util::future::BoxFuture;

use self::claims::Claims;
use super::effects::{EffectError, Effects, Grant, Surroundings};
use super::failure::{self, Failure};
use super::goal::{Assignment, Extra, Goal};
use super::plan::{Plan, plan};
use super::world::World;

/// The longest time between two looks at the world when no watch says that it changed: for time-outs, and for probes of
/// processes that have none of their own.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// For how long a store that cannot be reached is asked again.
const OUTAGE_PATIENCE: Duration = Duration::from_secs(60);
/// After how many seconds of an outage people are told again that it lasts.
const TOLD_EVERY: u64 = 5;

/// Where the reconciler says what it waits for.
pub trait Narrator: Send + Sync {
    /// A new step of the run under this grant.
    fn step(&self, grant: &Grant, text: String);

    /// The run takes another look at the world. Answers whether somebody was told since the last one that it does not come to that: what
    /// was told before is news again.
    fn looks(&self) -> bool {
        false
    }

    /// The run waits for others, or does so no longer, who may take as long as they need: that is not slow.
    fn waits_for_others(&self, _waits: bool) {}
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The world is what the ledger wants.
    Settled,
    /// The app is gone, as the ledger wanted.
    Destroyed,
    /// The release in service does not get as many pods ready as asked for; the reconciler takes it up again when something
    /// changes.
    Stuck(Failure),
}

/// What one process may have made of an app in Kubernetes without looking back, from one run to the next: another process that takes over
/// and destroys the app cannot know of it.
#[derive(Clone, Debug, Default)]
pub struct Footprint(Option<Grant>);

/// Reconciles `app` until the world is what the ledger wants, or cannot become so. When there is no such app any more, what this process
/// left of it goes too.
///
/// # Errors
/// [`EffectError::Fenced`] when another process took over, [`EffectError::Gone`] when the app was deleted,
/// [`EffectError::Unavailable`] when Kubernetes or the ledger could not be reached for a minute.
pub async fn reconcile<W: Effects + Surroundings>(
    world: &W,
    app: &AppName,
    narrator: &dyn Narrator,
    footprint: &mut Footprint,
) -> Result<Ending, EffectError> {
    let grant = match world.begin(app).await {
        Err(EffectError::Gone(app)) => {
            destroy::clear_up(world, footprint).await?;
            return Err(EffectError::Gone(app));
        }
        other => other?,
    };
    let mut run = Run {
        world,
        narrator,
        grant,
        footprint,
        reachable: BTreeSet::new(),
        drained: 0,
        claims: Claims::default(),
        generation: 0,
        looks_at_once: false,
        prepared: None,
        refused: BTreeSet::new(),
        unrestarted: None,
        demolishing_since: None,
        clock: Clock::start(world.now()),
        about: None,
        told: String::new(),
    };
    run.until_the_end().await
}

/// A world with [`reconcile`], whatever it is made of.
pub(super) trait Reconcile: Send + Sync {
    fn reconcile<'a>(
        &'a self,
        app: &'a AppName,
        narrator: &'a dyn Narrator,
        footprint: &'a mut Footprint,
    ) -> BoxFuture<'a, Result<Ending, EffectError>>;
}

impl<W: Effects + Surroundings> Reconcile for W {
    fn reconcile<'a>(
        &'a self,
        app: &'a AppName,
        narrator: &'a dyn Narrator,
        footprint: &'a mut Footprint,
    ) -> BoxFuture<'a, Result<Ending, EffectError>> {
        Box::pin(reconcile(self, app, narrator, footprint))
    }
}

struct Run<'a, W> {
    world: &'a W,
    narrator: &'a dyn Narrator,
    grant: Grant,
    footprint: &'a mut Footprint,
    /// Pods that every live router has acknowledged.
    reachable: BTreeSet<String>,
    /// The newest epoch of the drain of which every router has been asked whether it goes by it.
    drained: i64,
    claims: Claims,
    /// The newest generation of the world that was looked at.
    generation: u64,
    /// Whether the last step is in the ledger alone, of which no watch tells.
    looks_at_once: bool,
    /// The release, what routers are told and the leave to run as root, for which Secrets, Service and namespace are known to be right.
    prepared: Option<(ReleaseVersion, Routing, bool)>,
    /// What Kubernetes has refused and the release can do without: it is not asked for again.
    refused: BTreeSet<(Extra, ProcType)>,
    /// Why pods could not be replaced in place, if so.
    unrestarted: Option<Failure>,
    /// Since when Kubernetes is deleting what the app has, if so.
    demolishing_since: Option<Duration>,
    clock: Clock,
    /// The release that `told` is about.
    about: Option<ReleaseVersion>,
    told: String,
}

/// For how long nothing has moved, and for how long something was out of reach.
struct Clock {
    moved_at: Duration,
    progress: Option<Vec<(String, u32, u32)>>,
    outage_since: Option<Duration>,
}

impl Clock {
    const fn start(now: Duration) -> Self {
        Self { moved_at: now, progress: None, outage_since: None }
    }

    /// Notes what there is; answers for how long it has been like that.
    fn stalled(&mut self, now: Duration, world: &World) -> Duration {
        let controllers = world.controllers.iter();
        let progress = controllers
            .map(|controller| (controller.seen.name.clone(), controller.replicas, controller.serving()))
            .collect::<Vec<_>>();
        if self.progress.as_ref() != Some(&progress) {
            self.progress = Some(progress);
            self.moved_at = now;
        }
        now.saturating_sub(self.moved_at)
    }

    fn outage(&mut self, now: Duration) -> Duration {
        now.saturating_sub(*self.outage_since.get_or_insert(now))
    }
}

impl<W: Effects + Surroundings> Run<'_, W> {
    async fn until_the_end(&mut self) -> Result<Ending, EffectError> {
        loop {
            if self.narrator.looks() {
                self.told.clear();
            }
            match self.once().await {
                Ok(Some(ending)) => return Ok(ending),
                Ok(None) => self.clock.outage_since = None,
                // Kubernetes has answered.
                Err(EffectError::Changed) => {
                    self.clock.outage_since = None;
                    self.wait().await;
                }
                Err(EffectError::Unavailable(why)) => {
                    self.claims.forget();
                    let lasts = self.clock.outage(self.world.now());
                    if lasts >= OUTAGE_PATIENCE {
                        return Err(EffectError::Unavailable(why));
                    }
                    self.tell(for_so_long(why, lasts));
                    self.world.changed(&self.grant.app, u64::MAX, LONGEST_WAIT).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One look and what follows from it; `None` when there is more to do.
    async fn once(&mut self) -> Result<Option<Ending>, EffectError> {
        let assignment = self.world.assignment(&self.grant).await?;
        if self.about.replace(assignment.release) != Some(assignment.release) {
            self.told.clear();
        }
        if assignment.destroying {
            return self.destroy().await;
        }
        match self.advance(&assignment).await {
            // A release that Kubernetes does not take must not stand in the way of the next one.
            Err(EffectError::Refused(why)) if assignment.deploying => {
                let failure = Failure { code: Code::PodRefused, message: format!("{why}."), pod: None };
                self.give_up(&assignment, &failure).await.map(|()| None)
            }
            other => other,
        }
    }

    async fn advance(&mut self, assignment: &Assignment) -> Result<Option<Ending>, EffectError> {
        let furniture = (assignment.release, assignment.routing.clone(), assignment.allow_root);
        if self.prepared.as_ref() != Some(&furniture) {
            self.footprint.0 = Some(self.grant.clone());
            self.certify(assignment).await?;
            self.world.prepare(&self.grant, assignment).await?;
            self.prepared = Some(furniture);
        }
        let observed = self.observe(assignment).await;
        let stalled = self.clock.stalled(self.world.now(), &observed);
        if self.claims.are_ahead_of(&observed) {
            if stalled >= LONGEST_WAIT {
                self.tell("Kubernetes has yet to tell what has changed".to_owned());
            }
            self.wait().await;
            return Ok(None);
        }
        if !self.run_phase(assignment, &observed, stalled).await? {
            self.wait().await;
            return Ok(None);
        }
        let failure = failure::judge(assignment, &observed, stalled);
        if let Some(failure) = failure.as_ref().filter(|_| assignment.deploying) {
            self.give_up(assignment, failure).await?;
            return Ok(None);
        }
        let goal = Goal { refused: self.refused.clone(), ..assignment.goal(&observed) };
        match plan(&goal, &observed) {
            Plan::Act(actions) => self.act_all(assignment, actions, &observed).await?,
            Plan::Wait(waiting) => {
                if let Some(failure) = failure {
                    if assignment.restarting.is_empty() {
                        return Ok(Some(Ending::Stuck(failure)));
                    }
                    // The new pods are no better: what still serves is left alone.
                    self.world.spare(&self.grant, &assignment.restarting).await?;
                    self.unrestarted = Some(failure);
                    return Ok(None);
                }
                if stalled >= assignment.patience() {
                    self.go_on_without_routers(&observed);
                }
                let mut step = waiting.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                if let Some(cause) = failure::foreboding(assignment, &observed) {
                    step = format!("{step}. {}", cause.sentence.trim_end_matches('.'));
                }
                self.tell(step);
            }
            Plan::Done => {
                // First, for whoever takes over looks at the ledger: what is recorded there as done has nothing left behind.
                match self.world.tidy(&self.grant, assignment).await {
                    // What serves is no worse for what cannot be cleaned up.
                    Err(EffectError::Refused(why)) => {
                        tracing::warn!(app = %self.grant.app, why, "what no release needs any more stays");
                    }
                    other => other?,
                }
                if assignment.deploying {
                    self.world.succeed(&self.grant, assignment.release).await?;
                    if !assignment.autoscale.is_empty() {
                        return Ok(None);
                    }
                }
                if let Some(intent) = assignment.unsettled {
                    self.world.settle(&self.grant, intent).await?;
                }
                return Ok(Some(self.unrestarted.take().map_or(Ending::Settled, Ending::Stuck)));
            }
        }
        self.wait().await;
        Ok(None)
    }

    /// Has the certificates of the app's domains where the routers read them. What cannot be written there stops nothing else: the domain
    /// is served with what the routers have.
    async fn certify(&self, assignment: &Assignment) -> Result<(), EffectError> {
        if assignment.routing.certificates.is_empty() {
            return Ok(());
        }
        match self.world.certify(&self.grant, assignment).await {
            Err(EffectError::Refused(why)) => {
                tracing::error!(app = %self.grant.app, why, "the routers do not get the certificates of an app's domains");
                Ok(())
            }
            other => other,
        }
    }

    /// Pods that are ready for Kubernetes but not in a router's table: no fault of the release.
    fn go_on_without_routers(&mut self, observed: &World) {
        let pods = observed.controllers.iter().flat_map(|controller| &controller.pods);
        let ready = pods.filter(|pod| pod.ready && !pod.reachable).map(|pod| pod.uid.clone()).collect::<Vec<_>>();
        if !ready.is_empty() {
            tracing::warn!(app = %self.grant.app, pods = ?ready, "a router does not take up ready pods, going on without it");
        }
        self.reachable.extend(ready);
    }

    /// Looks at the world, until the routers have been asked for ready pods of which they have not said yet that they can choose them,
    /// and to leave those alone that are about to go.
    async fn observe(&mut self, assignment: &Assignment) -> World {
        let (served, app) = (assignment.routed(), &self.grant.app);
        let mut have_answered = true;
        loop {
            let observed = self.world.observe(app, &served, &self.reachable);
            self.generation = observed.generation;
            // The routers drop a pod that gets unready, and take a moment to see that it is ready again.
            for pod in observed.controllers.iter().flat_map(|controller| &controller.pods).filter(|pod| !pod.ready) {
                self.reachable.remove(&pod.uid);
            }
            if let Some(epoch) = observed.draining().filter(|epoch| *epoch > self.drained) {
                // Once: what they have not done by then they do in a moment, and pods serve on for a while when they are deleted.
                self.world.drained(app, epoch).await;
                self.drained = epoch;
                continue;
            }
            let ours = observed.controllers.iter().filter(|controller| controller.version == assignment.release);
            let unknown = ours.flat_map(|controller| &controller.pods).filter(|pod| pod.ready && !pod.reachable);
            let unknown = unknown.map(|pod| pod.uid.clone()).collect::<BTreeSet<_>>();
            if unknown.is_empty() || !have_answered {
                return observed;
            }
            let found = self.world.reachable(app, &unknown).await;
            // Then others may have got ready meanwhile: nothing else that happens would have the routers asked for those.
            have_answered = unknown.is_subset(&found);
            self.reachable.extend(found);
        }
    }

    async fn give_up(&mut self, assignment: &Assignment, failure: &Failure) -> Result<(), EffectError> {
        let log_tail = match &failure.pod {
            Some(pod) => self.world.log_tail(&self.grant.app, pod).await,
            None => Vec::new(),
        };
        self.world.fail(&self.grant, assignment.release, failure, &log_tail).await?;
        self.clock = Clock::start(self.world.now());
        self.tell(format!("{} failed, going back to the release before", assignment.release));
        Ok(())
    }

    async fn wait(&mut self) {
        if std::mem::take(&mut self.looks_at_once) {
            return;
        }
        self.world.changed(&self.grant.app, self.generation, LONGEST_WAIT).await;
    }

    fn tell(&mut self, text: String) {
        if self.told != text {
            self.narrator.step(&self.grant, text.clone());
            self.told = text;
        }
    }
}

/// Says every few seconds anew that something lasts.
fn for_so_long(why: String, lasts: Duration) -> String {
    match lasts.as_secs() / TOLD_EVERY * TOLD_EVERY {
        0 => why,
        seconds => format!("{} ({seconds} s so far).", why.trim_end_matches('.')),
    }
}

#[cfg(test)]
mod tests;
