//! What the requests of one app share, whichever of its pods they are for: how many there may be, who waits for a place, and how
//! many may be sent a second time.

mod budget;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;

use budget::Budget;

/// How many requests of one app wait for a place at once.
const WAITING: usize = 256;

/// The demand of one app. It lasts as long as its Service.
#[derive(Debug)]
pub struct Demand {
    made: Instant,
    present: AtomicUsize,
    waiting: AtomicUsize,
    freed: Notify,
    /// Those who wait once more, since a pod has failed them, beside the line.
    waiting_again: AtomicUsize,
    freed_again: Notify,
    budget: Mutex<Budget>,
}

impl Default for Demand {
    fn default() -> Self {
        Self {
            made: Instant::now(),
            present: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
            waiting_again: AtomicUsize::new(0),
            freed_again: Notify::new(),
            budget: Mutex::default(),
        }
    }
}

impl Demand {
    /// Lets one more request in, unless there are `limit`: one app does not take the connections of all others.
    pub(crate) fn enter(self: &Arc<Self>, limit: usize) -> Option<Guest> {
        let guest = Guest(Counted::below(self, |demand| &demand.present, limit)?);
        self.budget.lock().count_request(self.made.elapsed());
        Some(guest)
    }

    /// How many requests are in.
    pub(crate) fn present(&self) -> usize {
        self.present.load(Ordering::SeqCst)
    }

    /// How many of them wait for a place.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst) + self.waiting_again.load(Ordering::SeqCst)
    }

    /// Whether one more request may be sent a second time; it is counted if so.
    pub(crate) fn may_retry(&self) -> bool {
        self.budget.lock().take(self.made.elapsed())
    }

    /// Whether somebody waits, whom nobody overtakes.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// A place at the end of the line of those who wait, if there is one. `all` counts those of all apps.
    pub(crate) fn wait(self: &Arc<Self>, all: &Gauge) -> Option<Waiting> {
        self.wait_in(all, |demand| &demand.waiting, |demand| &demand.freed)
    }

    /// The same beside the line, for one who has had a place that was of no use. It is told of every free place: one that it cannot
    /// use is for somebody else.
    pub(crate) fn wait_again(self: &Arc<Self>, all: &Gauge) -> Option<Waiting> {
        self.wait_in(all, |demand| &demand.waiting_again, |demand| &demand.freed_again)
    }

    fn wait_in(
        self: &Arc<Self>,
        all: &Gauge,
        line: fn(&Self) -> &AtomicUsize,
        freed: fn(&Self) -> &Notify,
    ) -> Option<Waiting> {
        let counted = Counted::below(self, line, WAITING)?;
        all.inc();
        Some(Waiting { counted, freed, all: all.clone() })
    }

    /// A place at a pod is free. The longest waiting one is told.
    pub(crate) fn tell_free(&self) {
        if self.waiting_again.load(Ordering::SeqCst) > 0 {
            self.freed_again.notify_waiters();
        }
        if self.is_waited_for() {
            self.freed.notify_one();
        }
    }

    /// Many places may be free.
    pub(crate) fn tell_all(&self) {
        self.freed_again.notify_waiters();
        self.freed.notify_waiters();
    }
}

/// A request that is in, until it is dropped.
#[derive(Debug)]
pub(crate) struct Guest(#[expect(dead_code, reason = "it counts")] Counted);

/// A request that waits for a place.
#[derive(Debug)]
pub(crate) struct Waiting {
    counted: Counted,
    freed: fn(&Demand) -> &Notify,
    all: Gauge,
}

impl Waiting {
    /// Told when a place becomes free. Who drops it instead of using it leaves it to the next one.
    pub(crate) fn freed(&self) -> &Notify {
        (self.freed)(&self.counted.demand)
    }

    /// Whether there is nobody before it. Others do not try before they are told: the one before tells when it has its place.
    pub(crate) fn is_first(&self) -> bool {
        self.counted.before == 0
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.all.dec();
    }
}

#[derive(Debug)]
struct Counted {
    demand: Arc<Demand>,
    counter: fn(&Demand) -> &AtomicUsize,
    /// How many there were before.
    before: usize,
}

impl Counted {
    fn below(demand: &Arc<Demand>, counter: fn(&Demand) -> &AtomicUsize, limit: usize) -> Option<Self> {
        let more = |count: usize| (count < limit).then_some(count + 1);
        let before = counter(demand).fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        Some(Self { demand: Arc::clone(demand), counter, before })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.counter)(&self.demand).fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_and_no_more_may_be_in_or_wait() {
        let demand = Arc::<Demand>::default();
        let guests = (0..3).map_while(|_| demand.enter(2)).collect::<Vec<_>>();
        assert_eq!(guests.len(), 2);
        drop(guests);
        assert!(demand.enter(2).is_some());

        let all = Gauge::default();
        let waiting = (0..1000).map_while(|_| demand.wait(&all)).collect::<Vec<_>>();
        assert_eq!((waiting.len(), demand.is_waited_for(), all.get()), (WAITING, true, 256));
        assert_eq!(waiting.iter().filter(|waiting| waiting.is_first()).count(), 1);
        let again = demand.wait_again(&all).unwrap();
        drop(waiting);
        assert_eq!((demand.is_waited_for(), all.get()), (false, 1), "who waits again is in nobody's way");
        drop(again);
        assert_eq!(all.get(), 0);
    }

    #[test]
    fn one_of_the_line_is_told_and_all_beside_it() {
        let (demand, all) = (Arc::<Demand>::default(), Gauge::default());
        let told = |tell: fn(&Demand)| {
            let waiting = [demand.wait(&all), demand.wait(&all), demand.wait_again(&all), demand.wait_again(&all)];
            let waiting = waiting.map(Option::unwrap);
            let mut freed = waiting.each_ref().map(|waiting| Box::pin(waiting.freed().notified()));
            freed.iter_mut().for_each(|freed| assert!(!freed.as_mut().enable()));
            tell(&demand);
            freed.map(|mut freed| freed.as_mut().enable())
        };
        assert_eq!(told(Demand::tell_free), [true, false, true, true]);
        assert_eq!(told(Demand::tell_all), [true; 4]);
    }
}
