//! Runs one reconciler for each app at a time, and lets everybody who waits for its result wait for the same run.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deis_api::AppName;
use deis_bootstrap::{Context, deadline};
use futures_util::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::effects::{EffectError, Grant};
use super::locks::{Held, Locks};
use super::outside::Outside;
use super::progress::Progress;
use super::reconciler::{Ending, Footprint, Narrator, Reconcile};
use crate::logs::Events;
use crate::seams::{Plain, Seams};

/// A lock that nobody has is there within this time.
const UNCONTENDED: Duration = Duration::from_millis(250);

/// A run that does not look at the world for so long stands still at somebody who does not answer.
const SLOW: Duration = Duration::from_secs(10);

/// How a run ended, for those who waited.
pub type Outcome = Result<Ending, Arc<EffectError>>;

/// Starts reconcilers.
#[derive(Clone)]
pub struct Deployer {
    inner: Arc<Inner>,
}

struct Inner {
    context: Context,
    outside: Outside,
    /// The same, with what stands in between.
    world: Arc<dyn Reconcile>,
    locks: Arc<dyn Locks>,
    progress: Arc<dyn Progress>,
    apps: Mutex<HashMap<AppName, Slot>>,
}

/// An app with a reconciler at work.
struct Slot {
    /// Runs asked for: each gets its number.
    asked: u64,
    status: watch::Sender<Status>,
}

#[derive(Clone, Debug, Default)]
struct Status {
    /// All runs up to this number are done.
    done: u64,
    outcome: Option<Outcome>,
    /// The fence of the run that takes the step, if it is one of this process.
    fence: Option<i64>,
    step: Step,
}

/// What is waited for now. The same words may come again, of another release: the number tells one time from the other.
#[derive(Clone, Debug, Default)]
struct Step {
    number: u64,
    /// Empty when nothing is waited for.
    text: String,
}

impl Step {
    fn take(&mut self, text: String) {
        *self = Self { number: self.number + 1, text };
    }
}

/// A run that was asked for.
#[derive(Debug)]
pub struct Run {
    number: u64,
    status: watch::Receiver<Status>,
    /// The number of the newest step that was told.
    told: u64,
}

/// News of a run.
#[derive(Clone, Debug)]
pub enum News {
    /// What is waited for now.
    Step(String),
    /// It has ended.
    Ended(Outcome),
}

impl Run {
    /// Whether it has begun when it was asked for, and joins none that was under way.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.number == 1
    }

    /// The next news; after [`News::Ended`] there are no more.
    pub async fn news(&mut self) -> News {
        loop {
            {
                let status = self.status.borrow_and_update();
                if let Some(outcome) = status.outcome.as_ref().filter(|_| status.done >= self.number) {
                    return News::Ended(outcome.clone());
                }
                if !status.step.text.is_empty() && status.step.number != self.told {
                    self.told = status.step.number;
                    return News::Step(status.step.text.clone());
                }
            }
            if self.status.changed().await.is_err() {
                let ending = EffectError::Unavailable("The controller is ending; the deploy goes on.".to_owned());
                return News::Ended(Err(Arc::new(ending)));
            }
        }
    }

    /// Waits for the end.
    pub async fn ended(mut self) -> Outcome {
        loop {
            if let News::Ended(outcome) = self.news().await {
                return outcome;
            }
        }
    }
}

impl Deployer {
    /// Prepares; nothing runs yet.
    #[must_use]
    pub fn new(context: Context, outside: Outside, locks: Arc<dyn Locks>, progress: Arc<dyn Progress>) -> Self {
        Self::with_seams(context, outside, &Plain, locks, progress)
    }

    /// As [`new`](Self::new), with something between the deploys and the world.
    #[must_use]
    pub fn with_seams(
        context: Context,
        outside: Outside,
        seams: &impl Seams,
        locks: Arc<dyn Locks>,
        progress: Arc<dyn Progress>,
    ) -> Self {
        let world = Arc::new(seams.world(outside.clone()));
        Self { inner: Arc::new(Inner { context, outside, world, locks, progress, apps: Mutex::default() }) }
    }

    /// Where the apps' users read what happened.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.inner.outside.events
    }

    /// Asks for a run that sees everything that is in the ledger now. The run goes on when its handle is dropped.
    pub fn converge(&self, app: &AppName) -> Run {
        let mut apps = self.inner.apps.lock();
        if let Some(slot) = apps.get_mut(app) {
            slot.asked += 1;
            return Run { number: slot.asked, status: slot.status.subscribe(), told: 0 };
        }
        let (status, receiver) = watch::channel(Status::default());
        apps.insert(app.clone(), Slot { asked: 1, status: status.clone() });
        drop(apps);
        let (inner, app) = (Arc::clone(&self.inner), app.clone());
        let work = async move { inner.work(app, status).await };
        drop(self.inner.context.tasks.spawn("deploy", work));
        Run { number: 1, status: receiver, told: 0 }
    }
}

impl Inner {
    /// Runs until no run is asked for any more.
    async fn work(&self, app: AppName, status: watch::Sender<Status>) {
        loop {
            let asked = self.apps.lock().get(&app).map_or(0, |slot| slot.asked);
            // What the run before waited for is no news to those who wait for this one.
            status.send_modify(|status| status.step.text.clear());
            let outcome = tokio::select! {
                outcome = self.run(&app, &status) => outcome,
                () = self.context.shutdown.cancelled() => break,
            };
            if let Err(error) = &outcome {
                tracing::warn!(%app, %error, "a deploy did not come to its end");
            }
            let mut apps = self.apps.lock();
            status.send_modify(|status| {
                status.done = asked;
                status.outcome = Some(outcome);
            });
            if apps.get(&app).is_none_or(|slot| slot.asked == asked) {
                apps.remove(&app);
                return;
            }
        }
        self.apps.lock().remove(&app);
    }

    async fn run(&self, app: &AppName, status: &watch::Sender<Status>) -> Outcome {
        let mut footprint = Footprint::default();
        loop {
            let (looks, looked) = watch::channel(());
            let narration = Narration::new(status, looks);
            let held = self.acquire(app, status).await.map_err(Arc::new)?;
            let outcome = tokio::select! {
                outcome = self.world.reconcile(app, &narration, &mut footprint) => outcome,
                () = held.lost.cancelled() => Err(EffectError::Fenced(app.clone())),
                () = self.publish(app, status) => Err(EffectError::Fenced(app.clone())),
                () = narration.tell_slowness(looked, SLOW) => Err(EffectError::Fenced(app.clone())),
            };
            let fence = status.borrow().fence;
            if let Some(fence) = fence {
                self.progress.publish(app, fence, String::new(), true).await;
                status.send_modify(|status| status.fence = None);
            }
            drop(held);
            match outcome {
                // Somebody else had the lock in between: take turns again, the ledger may want more than he saw.
                Err(EffectError::Fenced(_)) => {}
                other => return other.map_err(Arc::new),
            }
        }
    }

    /// Takes the lock; while another process has it, tells what that one does.
    async fn acquire(&self, app: &AppName, status: &watch::Sender<Status>) -> Result<Held, EffectError> {
        let mut acquiring = self.locks.acquire(app);
        if let Ok(held) = deadline(UNCONTENDED, &mut acquiring).await {
            return held;
        }
        tokio::select! {
            held = &mut acquiring => held,
            () = self.relay(app, status) => acquiring.await,
        }
    }

    /// Tells the steps of the run that another process makes, until that ends.
    async fn relay(&self, app: &AppName, status: &watch::Sender<Status>) {
        let Ok(Some(fence)) = self.outside.ledger.fence(app).await else { return };
        let mut steps = self.progress.follow(app, fence);
        while let Some(step) = steps.next().await {
            status.send_modify(|status| status.step.take(step));
        }
    }

    /// Tells the steps of this process's run to others, for as long as it is polled.
    async fn publish(&self, app: &AppName, status: &watch::Sender<Status>) {
        let mut steps = status.subscribe();
        while steps.changed().await.is_ok() {
            let (fence, step) = {
                let status = steps.borrow_and_update();
                (status.fence, status.step.text.clone())
            };
            if let Some(fence) = fence {
                self.progress.publish(app, fence, step, false).await;
            }
        }
    }
}

struct Narration<'a> {
    status: &'a watch::Sender<Status>,
    /// Told at every look at the world.
    looks: watch::Sender<()>,
    /// Whether people were told that there is none.
    is_slow: AtomicBool,
    /// Whether the run waits for others than Kubernetes and the ledger.
    waits: AtomicBool,
}

impl<'a> Narration<'a> {
    const fn new(status: &'a watch::Sender<Status>, looks: watch::Sender<()>) -> Self {
        Self { status, looks, is_slow: AtomicBool::new(false), waits: AtomicBool::new(false) }
    }

    /// Tells people every `patience` that the run stands still, when it does, for as long as it is polled.
    async fn tell_slowness(&self, mut looked: watch::Receiver<()>, patience: Duration) {
        let mut lasts = Duration::ZERO;
        loop {
            match deadline(patience, looked.changed()).await {
                Ok(Ok(())) => lasts = Duration::ZERO,
                Ok(Err(_closed)) => return,
                Err(_late) if self.waits.load(Ordering::Relaxed) => lasts = Duration::ZERO,
                Err(_late) => {
                    lasts += patience;
                    self.is_slow.store(true, Ordering::Relaxed);
                    let text = format!("Kubernetes or the ledger is slow to answer ({} s so far).", lasts.as_secs());
                    self.status.send_modify(|status| status.step.take(text));
                }
            }
        }
    }
}

impl Narrator for Narration<'_> {
    fn step(&self, grant: &Grant, text: String) {
        self.status.send_modify(|status| {
            status.fence = Some(grant.fence);
            status.step.take(text);
        });
    }

    fn looks(&self) -> bool {
        self.looks.send_replace(());
        self.is_slow.swap(false, Ordering::Relaxed)
    }

    fn waits_for_others(&self, waits: bool) {
        self.waits.store(waits, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever waits for v3 looks at the ledger when he hears something: v4's first step says the same as v3's last.
    #[tokio::test]
    async fn the_same_words_of_the_next_run_are_news() {
        let (status, receiver) = watch::channel(Status::default());
        let mut run = Run { number: 2, status: receiver, told: 0 };
        let take = || status.send_modify(|status| status.step.take("web: 0 of 1 pods ready".to_owned()));
        take();
        assert!(matches!(run.news().await, News::Step(_)));
        status.send_modify(|status| status.step.text.clear());
        take();
        assert!(matches!(run.news().await, News::Step(_)));
        status.send_modify(|status| (status.done, status.outcome) = (2, Some(Ok(Ending::Settled))));
        assert!(matches!(run.news().await, News::Ended(Ok(Ending::Settled))));
    }

    /// A write that Kubernetes does not answer, and then does.
    #[tokio::test]
    async fn who_waits_is_told_that_a_run_stands_still() {
        let (status, mut receiver) = watch::channel(Status::default());
        let (looks, looked) = watch::channel(());
        let narration = Narration::new(&status, looks);
        let said = async {
            assert!(!narration.looks());
            receiver.mark_unchanged();
            let mut said = Vec::new();
            while said.len() < 2 {
                receiver.changed().await.unwrap();
                said.push(receiver.borrow_and_update().step.text.clone());
            }
            said
        };
        let said = tokio::select! {
            said = said => said,
            () = narration.tell_slowness(looked, Duration::from_secs(1)) => unreachable!("it goes on for ever"),
        };
        let text = |seconds| format!("Kubernetes or the ledger is slow to answer ({seconds} s so far).");
        assert_eq!(said, [text(1), text(2)]);
        assert!(narration.looks(), "what was told before is news again");
        assert!(!narration.looks());
    }

    /// The builder deletes an app's repository and images.
    #[tokio::test]
    async fn nobody_is_called_slow_who_may_take_his_time() {
        let (status, receiver) = watch::channel(Status::default());
        let (looks, looked) = watch::channel(());
        let narration = Narration::new(&status, looks);
        narration.waits_for_others(true);
        let patience = Duration::from_millis(1);
        assert!(deadline(50 * patience, narration.tell_slowness(looked.clone(), patience)).await.is_err());
        assert!(!receiver.has_changed().unwrap());
        narration.waits_for_others(false);
        assert!(deadline(50 * patience, narration.tell_slowness(looked, patience)).await.is_err());
        assert!(receiver.has_changed().unwrap());
    }
}
