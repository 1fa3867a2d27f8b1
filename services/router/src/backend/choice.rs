//! Which address serves the next request.

use std::sync::Arc;

use super::standing::State;
use super::{Backend, Lease};

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
    pub(crate) lease: Lease,
    /// Whether this request is to see if an ejected address is back.
    pub(crate) is_probe: bool,
}

impl Picked {
    /// A place at this address, unless `limit` are taken.
    pub(crate) fn at(backend: &Arc<Backend>, limit: usize) -> Option<Self> {
        let lease = backend.try_lease(limit)?;
        Some(Self { lease, is_probe: backend.claim_probe() })
    }
}

/// Chooses for the next request. The first `staying` of the addresses are to be used, the others when there is nothing else, and those
/// that are ejected last; `avoid` is one that has just failed. Of two at random the one with less to do is taken, of those with a free
/// place.
///
/// Where others are full the ejected ones are left alone, unless they are more than half: so many do not fail at once by
/// themselves, and the rest cannot carry it all.
pub(crate) fn choose(backends: &[Arc<Backend>], staying: usize, limit: usize, avoid: Option<&Arc<Backend>>) -> Choice {
    let usable = backends.get(..staying).unwrap_or_default();
    of_two(usable, limit, avoid).map_or_else(|| of_all(backends, staying, limit, avoid), Choice::Picked)
}

fn is_avoided(backend: &Arc<Backend>, avoid: Option<&Arc<Backend>>) -> bool {
    avoid.is_some_and(|avoid| avoid.address() == backend.address())
}

/// What nearly always does.
fn of_two(backends: &[Arc<Backend>], limit: usize, avoid: Option<&Arc<Backend>>) -> Option<Picked> {
    let len = backends.len();
    let first = rand::random_range(0..len.max(1));
    // Never the same one twice: the second is one of the others, counted from the first.
    let second = if len > 1 { (first + rand::random_range(1..len)) % len } else { first };
    let pair = [backends.get(first), backends.get(second)];
    let pair = pair.into_iter().flatten().filter(|backend| !is_avoided(backend, avoid));
    // Whoever is to be tried again is tried at once: nobody waits for it, and others take over if it refuses.
    let due = pair.clone().find(|backend| backend.state() == State::Due);
    if let Some(probe) = due.and_then(|due| Picked::at(due, limit)).filter(|picked| picked.is_probe) {
        return Some(probe);
    }
    let good = pair.filter(|backend| backend.state() == State::Good);
    Picked::at(good.min_by_key(|backend| backend.in_flight())?, limit)
}

/// All of them, the best kind first.
fn of_all(backends: &[Arc<Backend>], staying: usize, limit: usize, avoid: Option<&Arc<Backend>>) -> Choice {
    let mut kinds = [const { Vec::new() }; 3];
    let mut ejected = 0;
    for (at, backend) in backends.iter().enumerate() {
        let is_good = backend.state() == State::Good;
        ejected += usize::from(!is_good);
        let [good, leaving, last] = &mut kinds;
        let kind = if !is_good {
            last
        } else if at < staying {
            good
        } else {
            leaving
        };
        if !is_avoided(backend, avoid) {
            kind.push(backend);
        }
    }
    let most_are_ejected = ejected * 2 > backends.len();
    let mut choice = Choice::Nothing;
    for mut kind in kinds {
        if kind.is_empty() {
            continue;
        }
        // Those with the same to do in no order.
        kind.sort_by_cached_key(|backend| (backend.in_flight(), rand::random::<u32>()));
        if let Some(picked) = kind.into_iter().find_map(|backend| Picked::at(backend, limit)) {
            return Choice::Picked(picked);
        }
        choice = Choice::Full;
        if !most_are_ejected {
            break;
        }
    }
    choice
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const MANY: usize = 1_000_000;

    fn backends(count: u16) -> Vec<Arc<Backend>> {
        (0..count).map(|port| Arc::new(Backend::new(([127, 0, 0, 1], port + 1).into(), None, Arc::default()))).collect()
    }

    fn eject(backend: &Arc<Backend>) {
        while backend.refused(false).is_none() {}
    }

    /// The ports that are chosen over many requests that end at once; none when all are full.
    fn chosen(backends: &[Arc<Backend>], limit: usize, avoid: Option<&Arc<Backend>>) -> BTreeSet<u16> {
        let choices = (0..200).filter_map(|_| match choose(backends, backends.len(), limit, avoid) {
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
        assert!(matches!(choose(&backends[..1], 1, MANY, Some(&backends[0])), Choice::Nothing));
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

    /// Half of them may be gone; when it is more, what the rest has no place for is tried there too.
    #[test]
    fn the_ejected_are_left_alone_when_the_others_are_full_unless_most_are() {
        let backends = backends(4);
        let _full = [&backends[0], &backends[1]].map(|backend| Picked::at(backend, 1).unwrap());
        eject(&backends[2]);
        eject(&backends[3]);
        assert!(matches!(choose(&backends, 4, 1, None), Choice::Full));
        eject(&backends[1]);
        assert_eq!(chosen(&backends, 1, None), BTreeSet::from([3, 4]));
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
