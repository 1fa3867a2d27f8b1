//! Which address serves the next request.

use std::sync::Arc;

use super::standing::State;
use super::{Backend, Lease, Probe};

/// What came of a choice.
#[derive(Debug)]
pub(crate) enum Choice {
    /// This address, with a place at it.
    Picked(Picked),
    /// There are addresses, and all that may be used have as much to do as they may.
    Full,
    /// There is no address.
    Nothing,
}

/// A place at an address.
#[derive(Debug)]
pub(crate) struct Picked {
    /// Whether this request is to see if an ejected address is back. It ends before the lease, whose end others are told.
    pub(crate) probe: Option<Probe>,
    pub(crate) lease: Lease,
}

impl Picked {
    /// A place at this address, unless `limit` are taken.
    pub(crate) fn at(backend: &Arc<Backend>, limit: usize) -> Option<Self> {
        Some(Self { lease: backend.try_lease(limit)?, probe: None })
    }

    /// The same, to see if it is back.
    fn probe(backend: &Arc<Backend>, limit: usize, early: bool) -> Option<Self> {
        let probe = backend.claim_probe(early)?;
        Some(Self { lease: backend.try_lease(limit)?, probe: Some(probe) })
    }

    /// Whether an ejected address is to be heard of by now.
    pub(crate) fn is_due(&self) -> bool {
        self.probe.as_ref().is_some_and(|probe| probe.is_due)
    }

    /// It was of no use, and is given up.
    pub(crate) fn tried(self) -> Tried {
        Tried { was_probe: self.probe.is_some(), backend: Arc::clone(self.lease.backend()) }
    }
}

/// An address that has just failed a request.
#[derive(Debug)]
pub(crate) struct Tried {
    backend: Arc<Backend>,
    pub(crate) was_probe: bool,
}

impl Tried {
    /// Whether this is the one, unless another probe has found it back.
    fn excludes(&self, backend: &Arc<Backend>) -> bool {
        self.backend.address() == backend.address() && !(self.was_probe && backend.state() == State::Good)
    }
}

fn is_excluded(backend: &Arc<Backend>, tried: Option<&Tried>) -> bool {
    tried.is_some_and(|tried| tried.excludes(backend))
}

/// Chooses for the next request. The first `staying` of the addresses are to be used, the others when there is nothing else, and those
/// that are ejected last. Of two at random the one with less to do is taken, of those with a free place.
///
/// Where the others are full, one request at a time sees whether an ejected one is back, before its time: better than to wait. Who
/// has `tried` one that failed does not do that, neither then nor when it is due.
pub(crate) fn choose(backends: &[Arc<Backend>], staying: usize, limit: usize, tried: Option<&Tried>) -> Choice {
    let usable = backends.get(..staying).unwrap_or_default();
    of_two(usable, limit, tried).map_or_else(|| of_all(backends, staying, limit, tried), Choice::Picked)
}

/// What nearly always does.
fn of_two(backends: &[Arc<Backend>], limit: usize, tried: Option<&Tried>) -> Option<Picked> {
    let len = backends.len();
    let first = rand::random_range(0..len.max(1));
    // Never the same one twice: the second is one of the others, counted from the first.
    let second = if len > 1 { (first + rand::random_range(1..len)) % len } else { first };
    let pair = [backends.get(first), backends.get(second)];
    let pair = pair.into_iter().flatten().filter(|backend| !is_excluded(backend, tried));
    // Whoever is to be tried again is tried at once: nobody waits for it, and others take over if it refuses.
    let due = pair.clone().find(|backend| tried.is_none() && backend.state() == State::Due);
    if let Some(probe) = due.and_then(|due| Picked::probe(due, limit, false)) {
        return Some(probe);
    }
    let good = pair.filter(|backend| backend.state() == State::Good);
    Picked::at(good.min_by_key(|backend| backend.in_flight())?, limit)
}

/// All of them, the best kind first.
fn of_all(backends: &[Arc<Backend>], staying: usize, limit: usize, tried: Option<&Tried>) -> Choice {
    let [mut good, mut leaving, mut ejected] = [const { Vec::new() }; 3];
    for (at, backend) in backends.iter().enumerate().filter(|(_, backend)| !is_excluded(backend, tried)) {
        let kind = if backend.state() != State::Good {
            &mut ejected
        } else if at < staying {
            &mut good
        } else {
            &mut leaving
        };
        kind.push(backend);
    }
    let early = ejected.clone();
    let Some(mut kind) = [good, leaving, ejected].into_iter().find(|kind| !kind.is_empty()) else {
        return Choice::Nothing;
    };
    // Those with the same to do in no order.
    kind.sort_by_cached_key(|backend| (backend.in_flight(), rand::random::<u32>()));
    let picked = kind.into_iter().find_map(|backend| {
        let probe = if tried.is_none() { Picked::probe(backend, limit, false) } else { None };
        probe.or_else(|| Picked::at(backend, limit))
    });
    let probe =
        || early.into_iter().filter(|_| tried.is_none()).find_map(|backend| Picked::probe(backend, limit, true));
    picked.or_else(probe).map_or(Choice::Full, Choice::Picked)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prometheus_client::metrics::gauge::Gauge;

    use super::*;
    use crate::demand::Demand;

    const MANY: usize = 1_000_000;

    fn backends(count: u16) -> Vec<Arc<Backend>> {
        (0..count).map(|port| Arc::new(Backend::new(([127, 0, 0, 1], port + 1).into(), None, Arc::default()))).collect()
    }

    fn eject(backend: &Arc<Backend>) {
        while backend.refused(false).is_none() {}
    }

    /// The ports that are chosen over many requests that end at once; none when all are full.
    fn chosen(backends: &[Arc<Backend>], limit: usize, failed: Option<&Arc<Backend>>) -> BTreeSet<u16> {
        let tried = failed.map(|failed| Tried { backend: Arc::clone(failed), was_probe: false });
        let choices = (0..200).filter_map(|_| match choose(backends, backends.len(), limit, tried.as_ref()) {
            Choice::Picked(picked) => Some(picked.lease.backend().address().port()),
            Choice::Full | Choice::Nothing => None,
        });
        choices.collect()
    }

    #[test]
    fn load_spreads_evenly() {
        let backends = backends(5);
        let leases = (0..1000).map(|_| choose(&backends, 5, MANY, None)).collect::<Vec<_>>();
        // Two choices keep the largest queue within a few of the mean; a single random choice would not.
        assert!(backends.iter().all(|backend| (190..=210).contains(&backend.in_flight())), "{leases:?}");
    }

    #[test]
    fn the_ejected_and_the_one_that_failed_come_last() {
        let backends = backends(3);
        eject(&backends[0]);
        assert_eq!(chosen(&backends, MANY, None), BTreeSet::from([2, 3]));
        assert_eq!(chosen(&backends, MANY, Some(&backends[1])), BTreeSet::from([3]));
        eject(&backends[2]);
        assert_eq!(chosen(&backends, MANY, None), BTreeSet::from([2]), "one that is good is enough");
        assert_eq!(chosen(&backends, MANY, Some(&backends[1])), BTreeSet::from([1, 3]), "better than none");
        eject(&backends[1]);
        assert_eq!(chosen(&backends, MANY, None), BTreeSet::from([1, 2, 3]), "all are as good as none");
        assert!(backends[1].accepted());
        assert_eq!(chosen(&backends, MANY, None), BTreeSet::from([2]));
        let tried = Picked::at(&backends[0], MANY).unwrap().tried();
        assert!(matches!(choose(&backends[..1], 1, MANY, Some(&tried)), Choice::Nothing));
        assert!(matches!(choose(&[], 0, MANY, None), Choice::Nothing));
    }

    #[test]
    fn no_address_has_more_than_it_may() {
        let backends = backends(3);
        let mut leases = Vec::new();
        while let Choice::Picked(picked) = choose(&backends, 3, 2, None) {
            leases.push(picked);
        }
        assert_eq!(backends.iter().map(|backend| backend.in_flight()).collect::<Vec<_>>(), [2, 2, 2]);
        assert!(matches!(choose(&backends, 3, 2, None), Choice::Full));
        leases.pop();
        assert!(matches!(choose(&backends, 3, 2, None), Choice::Picked(_)));
    }

    fn pick(backends: &[Arc<Backend>], tried: Option<&Tried>) -> Option<Picked> {
        match choose(backends, backends.len(), 1, tried) {
            Choice::Picked(picked) => Some(picked),
            Choice::Full | Choice::Nothing => None,
        }
    }

    #[test]
    fn one_request_at_a_time_tries_each_ejected_one_when_the_others_are_full() {
        let backends = backends(3);
        let full = Picked::at(&backends[0], 1).unwrap();
        eject(&backends[1]);
        eject(&backends[2]);
        let probes = [pick(&backends, None).unwrap(), pick(&backends, None).unwrap()];
        let ports = probes.iter().map(|picked| picked.lease.backend().address().port()).collect::<BTreeSet<_>>();
        assert!(ports == BTreeSet::from([2, 3]) && probes.iter().all(|picked| picked.probe.is_some()));
        assert!(pick(&backends, None).is_none());
        drop(probes);
        assert!(pick(&backends, None).is_some_and(|picked| picked.probe.is_some()), "and again");
        drop(full);
        assert!(pick(&backends, None).is_some_and(|picked| picked.probe.is_none()));
    }

    /// It would fail, where all that it needs is to wait; until the one it tried is back.
    #[test]
    fn who_has_tried_one_in_vain_tries_no_other_ejected_one() {
        let backends = backends(3);
        let _full = Picked::at(&backends[0], 1).unwrap();
        eject(&backends[1]);
        eject(&backends[2]);
        let failed = pick(&backends, None).unwrap();
        let back = Arc::clone(failed.lease.backend());
        let tried = failed.tried();
        assert!(tried.was_probe && pick(&backends, Some(&tried)).is_none());
        assert!(back.accepted());
        let picked = pick(&backends, Some(&tried)).unwrap();
        assert!(Arc::ptr_eq(picked.lease.backend(), &back) && picked.probe.is_none());
    }

    #[test]
    fn who_waits_is_told_that_an_ejected_one_is_back() {
        let demand = Arc::<Demand>::default();
        let backend = Arc::new(Backend::new(([127, 0, 0, 1], 1).into(), None, Arc::clone(&demand)));
        let waiting = demand.wait(&Gauge::default()).unwrap();
        let mut freed = Box::pin(waiting.freed().notified());
        eject(&backend);
        assert!(!freed.as_mut().enable());
        assert!(backend.accepted() && freed.as_mut().enable());
    }

    #[test]
    fn a_lease_ends_with_its_drop() {
        let backend = &backends(1)[0];
        let lease = backend.lease();
        assert_eq!(backend.in_flight(), 1);
        drop(lease);
        assert_eq!(backend.in_flight(), 0);
    }
}
