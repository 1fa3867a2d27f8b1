//! The ports, with a failpoint on either side of all that changes something.

use std::collections::HashMap;
use std::sync::Arc;

use deis_api::{AppName, Username};
use deis_bootstrap::Tasks;
use deis_builder::ports::{
    Access, Attempt, Call, Controller, DeployEvent, Effects, FailedBuild, Held, Job, Lock, Locks, NewBuild, Orphans,
    Runner, Running,
};
use deis_builder::{Error, Peers};
use deis_failpoints::Failpoints;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use secrecy::SecretString;

/// Every point, in the order in which a push comes by; the last two are of a build that fails.
pub(crate) const POINTS: [&str; 24] = [
    "push.acquire-lock.before",
    "push.acquire-lock.after",
    "push.make-repository.before",
    "push.make-repository.after",
    "push.start-pod.before",
    "push.start-pod.after",
    "push.store-image.before",
    "push.store-image.after",
    "push.save-cache.before",
    "push.save-cache.after",
    "push.remove-pod.before",
    "push.remove-pod.after",
    "push.create-build.before",
    "push.create-build.after",
    "push.deploy.before",
    "push.deploy.after",
    "push.set-head.before",
    "push.set-head.after",
    "push.move-ref.before",
    "push.move-ref.after",
    "push.release-lock.before",
    "push.release-lock.after",
    "push.record-failure.before",
    "push.record-failure.after",
];

/// The same peers, with failpoints.
pub(crate) fn wrap(peers: Peers, failpoints: Failpoints, tasks: Tasks) -> Peers {
    let points = Points(failpoints);
    Peers {
        controller: Arc::new(FaultyController { inner: peers.controller, points: points.clone() }),
        locks: Arc::new(FaultyLocks { inner: peers.locks, points: points.clone(), tasks }),
        runner: Arc::new(FaultyRunner { inner: peers.runner, points: points.clone() }),
        effects: Arc::new(FaultyEffects { inner: peers.effects, points }),
    }
}

#[derive(Clone)]
struct Points(Failpoints);

impl Points {
    async fn around<T>(&self, effect: &str, work: impl Future<Output = T>) -> T {
        self.0.pass(&format!("push.{effect}.before"));
        let done = work.await;
        self.0.pass(&format!("push.{effect}.after"));
        done
    }
}

struct FaultyController {
    inner: Arc<dyn Controller>,
    points: Points,
}

impl Controller for FaultyController {
    fn authenticate(&self, public_key: Vec<u8>) -> Call<'_, Option<Username>> {
        self.inner.authenticate(public_key)
    }

    fn authorize(&self, user: Username, app: AppName, access: Access) -> Call<'_, ()> {
        self.inner.authorize(user, app, access)
    }

    fn environment(&self, user: Username, app: AppName) -> Call<'_, HashMap<String, SecretString>> {
        self.inner.environment(user, app)
    }

    /// The deploy is what comes down the stream: it begins with the first event and ends with "deployed".
    fn create_build(&self, build: NewBuild) -> Call<'_, BoxStream<'static, Result<DeployEvent, Error>>> {
        let points = self.points.clone();
        async move {
            let events = points.around("create-build", self.inner.create_build(build)).await?;
            let events = events.inspect(move |event| match event {
                Ok(DeployEvent::ReleaseCreated(_)) => points.0.pass("push.deploy.before"),
                Ok(DeployEvent::Deployed(_)) => points.0.pass("push.deploy.after"),
                _ => {}
            });
            Ok(events.boxed())
        }
        .boxed()
    }

    fn record_failed_build(&self, build: FailedBuild) -> Call<'_, ()> {
        self.points.around("record-failure", self.inner.record_failed_build(build)).boxed()
    }
}

struct FaultyLocks {
    inner: Arc<dyn Locks>,
    points: Points,
    tasks: Tasks,
}

impl Locks for FaultyLocks {
    fn acquire(&self, app: AppName, user: Username) -> Call<'_, Attempt<'_>> {
        async move {
            Ok(match self.points.around("acquire-lock", self.inner.acquire(app, user)).await? {
                Attempt::Acquired(lock) => Attempt::Acquired(self.faulty(lock)),
                Attempt::Left { user, within, taken } => {
                    let taken = async move {
                        let taken = self.points.around("acquire-lock", taken).await?;
                        Ok(taken.map(|lock| self.faulty(lock)))
                    };
                    Attempt::Left { user, within, taken: taken.boxed() }
                }
                held @ Attempt::Held(_) => held,
            })
        }
        .boxed()
    }

    fn outlast(&self, app: AppName) -> Call<'_, Result<Lock, Held>> {
        self.inner.outlast(app)
    }
}

impl FaultyLocks {
    fn faulty(&self, inner: Lock) -> Lock {
        let (lock, holding) = Lock::new(inner.lost.clone());
        let points = self.points.clone();
        drop(self.tasks.spawn("faulty lock", async move {
            holding.released().cancelled().await;
            points.around("release-lock", inner.give_back()).await;
        }));
        lock
    }
}

struct FaultyRunner {
    inner: Arc<dyn Runner>,
    points: Points,
}

impl Runner for FaultyRunner {
    fn start(&self, job: Job) -> Call<'_, Box<dyn Running>> {
        async move {
            let inner = self.points.around("start-pod", self.inner.start(job)).await?;
            Ok(Box::new(FaultyPod { inner, points: self.points.clone() }) as Box<dyn Running>)
        }
        .boxed()
    }

    fn remove_orphans(&self) -> BoxFuture<'_, Orphans> {
        self.inner.remove_orphans()
    }
}

struct FaultyPod {
    inner: Box<dyn Running>,
    points: Points,
}

impl Running for FaultyPod {
    fn ended<'a>(&'a mut self, notice: &'a (dyn Fn(String) + Send + Sync)) -> BoxFuture<'a, Error> {
        self.inner.ended(notice)
    }

    fn remove(&mut self) -> BoxFuture<'_, ()> {
        self.points.around("remove-pod", self.inner.remove()).boxed()
    }
}

struct FaultyEffects {
    inner: Arc<dyn Effects>,
    points: Points,
}

impl Effects for FaultyEffects {
    fn make_repository<'a>(&'a self, work: Call<'a, ()>) -> Call<'a, ()> {
        self.points.around("make-repository", self.inner.make_repository(work)).boxed()
    }

    fn store_image<'a>(&'a self, work: Call<'a, ()>) -> Call<'a, ()> {
        self.points.around("store-image", self.inner.store_image(work)).boxed()
    }

    fn save_cache<'a>(&'a self, work: Call<'a, ()>) -> Call<'a, ()> {
        self.points.around("save-cache", self.inner.save_cache(work)).boxed()
    }

    fn set_head<'a>(&'a self, work: Call<'a, ()>) -> Call<'a, ()> {
        self.points.around("set-head", self.inner.set_head(work)).boxed()
    }

    fn move_ref<'a>(&'a self, work: Call<'a, ()>) -> Call<'a, ()> {
        self.points.around("move-ref", self.inner.move_ref(work)).boxed()
    }
}
