//! How long connections to pods are kept while nobody needs them, and how many over all pods.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// What all connections to pods share.
#[derive(Debug)]
pub struct Pool {
    idle: AtomicUsize,
    /// Those of them that count for `most`.
    shared: AtomicUsize,
    most: usize,
    rest: Duration,
}

impl Pool {
    /// Of all idle connections beyond each address's own `most` are kept, and none for longer than `rest`.
    #[must_use]
    pub fn new(most: usize, rest: Duration) -> Self {
        Self { idle: AtomicUsize::new(0), shared: AtomicUsize::new(0), most, rest }
    }

    /// Idle connections to pods.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.idle.load(Ordering::Relaxed)
    }
}

const BUSY: u64 = 0;
const CLOSED: u64 = u64::MAX;

/// Whether one connection is in use, idle or closed. It may be taken and given up at the same moment: one of the two happens.
#[derive(Debug)]
pub(super) struct Kept {
    pool: Arc<Pool>,
    made: Instant,
    /// [`BUSY`], [`CLOSED`], or since when it is idle: in milliseconds after `made`, and one more.
    state: AtomicU64,
    /// When it was taken for the newest request: in milliseconds after `made`.
    asked: AtomicU64,
    /// Whether it counts for the bound, while it is idle.
    is_shared: AtomicBool,
}

impl Kept {
    /// A connection in use.
    pub(super) fn new(pool: &Arc<Pool>) -> Self {
        Self {
            pool: Arc::clone(pool),
            made: Instant::now(),
            state: AtomicU64::new(BUSY),
            asked: AtomicU64::new(0),
            is_shared: AtomicBool::new(false),
        }
    }

    /// It becomes idle, unless it is closed or there are too many; an `own` one of its address may in any case.
    pub(super) fn rest(&self, own: bool) -> bool {
        let more = |count: usize| (count < self.pool.most).then_some(count + 1);
        if !own && self.pool.shared.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            return false;
        }
        self.is_shared.store(!own, Ordering::SeqCst);
        self.pool.idle.fetch_add(1, Ordering::Relaxed);
        let now = self.age() + 1;
        let rests = self.state.compare_exchange(BUSY, now, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if !rests {
            self.uncount();
        }
        rests
    }

    /// It is needed again; whether it is still there.
    pub(super) fn resume(&self) -> bool {
        let since = self.state.load(Ordering::SeqCst);
        let is_there = since != BUSY && since != CLOSED && self.leave(since, BUSY);
        if is_there {
            self.asked.store(self.age(), Ordering::SeqCst);
        }
        is_there
    }

    /// How long ago it was taken for its newest request.
    pub(super) fn asked(&self) -> Duration {
        Duration::from_millis(self.age().saturating_sub(self.asked.load(Ordering::SeqCst)))
    }

    /// Milliseconds since it was made.
    fn age(&self) -> u64 {
        u64::try_from(self.made.elapsed().as_millis()).unwrap_or(CLOSED - 2)
    }

    /// For how long it has been idle.
    pub(super) fn rested(&self) -> Option<Duration> {
        match self.state.load(Ordering::SeqCst) {
            BUSY | CLOSED => None,
            since => Some(self.made.elapsed().saturating_sub(Duration::from_millis(since - 1))),
        }
    }

    /// Waits until it has been idle for too long; it is closed then.
    pub(super) async fn expired(&self) {
        let mut next = self.made + self.pool.rest;
        loop {
            sleep_until(next).await;
            let since = self.state.load(Ordering::SeqCst);
            let rested = self.rested().unwrap_or_default();
            if rested >= self.pool.rest && self.leave(since, CLOSED) {
                return;
            }
            next = Instant::now() + self.pool.rest.saturating_sub(rested).max(Duration::from_millis(1));
        }
    }

    /// It is closed, whatever it was.
    pub(super) fn close(&self) {
        if !matches!(self.state.swap(CLOSED, Ordering::SeqCst), BUSY | CLOSED) {
            self.uncount();
        }
    }

    /// It is idle no more.
    fn leave(&self, since: u64, state: u64) -> bool {
        let left = since != BUSY
            && since != CLOSED
            && self.state.compare_exchange(since, state, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if left {
            self.uncount();
        }
        left
    }

    fn uncount(&self) {
        self.pool.idle.fetch_sub(1, Ordering::Relaxed);
        if self.is_shared.swap(false, Ordering::SeqCst) {
            self.pool.shared.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use deis_bootstrap::deadline;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn idle_ones_are_counted_and_bounded() {
        let pool = Arc::new(Pool::new(2, LIMIT));
        let kept = [(); 3].map(|()| Kept::new(&pool));
        assert_eq!((kept.each_ref().map(|kept| kept.rest(false)), pool.idle()), ([true, true, false], 2));
        assert!(kept[0].resume() && !kept[0].resume() && !kept[2].resume());
        assert_eq!((kept[0].rested(), kept[1].rested().is_some(), pool.idle()), (None, true, 1));
        assert!(kept[2].rest(false));
        kept.iter().for_each(Kept::close);
        assert_eq!((kept.each_ref().map(|kept| kept.rest(false)), pool.idle()), ([false; 3], 0));
        assert!(!kept[1].resume());
    }

    #[test]
    fn an_addresss_own_ones_do_not_count() {
        let pool = Arc::new(Pool::new(1, LIMIT));
        let kept = [(); 4].map(|()| Kept::new(&pool));
        assert!(
            kept[0].rest(true) && kept[1].rest(false) && !kept[2].rest(false),
            "the own one left the place to another"
        );
        assert!(kept[3].rest(true));
        assert_eq!(pool.idle(), 3);
        assert!(kept[0].resume() && !kept[2].rest(false), "nor leaves a place behind");
        assert!(kept[1].resume() && kept[2].rest(false));
        kept.iter().for_each(Kept::close);
        assert_eq!((pool.idle(), pool.shared.load(Ordering::Relaxed)), (0, 0));
    }

    #[tokio::test]
    async fn one_that_nobody_needs_is_given_up() {
        let pool = Arc::new(Pool::new(2, Duration::from_millis(20)));
        let (idle, used) = (Kept::new(&pool), Kept::new(&pool));
        assert!(idle.rest(false));
        deadline(LIMIT, idle.expired()).await.unwrap();
        assert!(!idle.resume());
        assert_eq!(pool.idle(), 0);

        // In use for longer than it may be idle.
        let (mut expires, mut other) = (std::pin::pin!(used.expired()), std::pin::pin!(idle_for(&pool)));
        tokio::select! {
            () = &mut expires => panic!("it is in use"),
            () = &mut other => {}
        }
        assert!(used.rest(false));
        deadline(LIMIT, expires).await.unwrap();
    }

    /// From then on the pod may have nothing to do, however long the answer takes to those who asked.
    #[tokio::test]
    async fn it_is_known_when_it_was_taken() {
        let pool = Arc::new(Pool::new(2, Duration::from_millis(20)));
        let kept = Kept::new(&Arc::new(Pool::new(2, LIMIT)));
        idle_for(&pool).await;
        let before = kept.asked();
        assert!(before >= Duration::from_millis(20));
        assert!(kept.rest(false));
        assert!(kept.asked() >= before, "not that it is idle");
        assert!(kept.resume());
        assert!(kept.asked() < before);
    }

    /// As long as it takes to give up another one, twice.
    async fn idle_for(pool: &Arc<Pool>) {
        for _ in 0..2 {
            let other = Kept::new(pool);
            assert!(other.rest(false));
            other.expired().await;
        }
    }
}
