//! Over random histories: a lock is never two leases' at once, and every answer is the one that the history calls for.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests assert by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use deis_state::Error;
use deis_state::locks::{self, Acquisition, Owner};
use deis_state::store::memory::Memory;
use deis_state::store::{LeaseId, Revision, Store as _};
use proptest::prelude::*;

const LOCKS: [&str; 2] = ["push/app", "deploy/app"];
const LEASES: usize = 3;
const TTL_SECONDS: u64 = 10;

#[derive(Clone, Debug)]
enum Step {
    /// A process starts, or starts again: the slot gets a new lease.
    Grant(usize),
    Renew(usize),
    Revoke(usize),
    Acquire(usize, usize),
    Release(usize, usize),
    /// Seconds pass.
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (lease, lock) = (0..LEASES, 0..LOCKS.len());
    prop_oneof![
        2 => lease.clone().prop_map(Step::Grant),
        2 => lease.clone().prop_map(Step::Renew),
        1 => lease.clone().prop_map(Step::Revoke),
        8 => (lease.clone(), lock.clone()).prop_map(|(lease, lock)| Step::Acquire(lease, lock)),
        3 => (lease, lock).prop_map(|(lease, lock)| Step::Release(lease, lock)),
        3 => (1..TTL_SECONDS + 2).prop_map(Step::Pass),
    ]
}

/// What the history calls for, in the plainest words.
#[derive(Default)]
struct Expected {
    now: u64,
    /// When each living lease runs out.
    expires: BTreeMap<LeaseId, u64>,
    holders: BTreeMap<usize, LeaseId>,
}

impl Expected {
    fn lives(&self, lease: LeaseId) -> bool {
        self.expires.get(&lease).is_some_and(|expires| *expires > self.now)
    }

    fn holder(&self, lock: usize) -> Option<LeaseId> {
        self.holders.get(&lock).copied().filter(|holder| self.lives(*holder))
    }
}

async fn replay(steps: Vec<Step>) {
    let store = Memory::with_manual_clock();
    let mut expected = Expected::default();
    let mut slots = [LeaseId(i64::MAX); LEASES];
    let mut latest = Revision::ABSENT;
    for step in steps {
        match step {
            Step::Grant(slot) => {
                slots[slot] = store.grant(Duration::from_secs(TTL_SECONDS)).await.unwrap().0;
                expected.expires.insert(slots[slot], expected.now + TTL_SECONDS);
            }
            Step::Renew(slot) => {
                let lives = expected.lives(slots[slot]);
                assert_eq!(store.renew(slots[slot]).await.is_ok(), lives);
                if lives {
                    expected.expires.insert(slots[slot], expected.now + TTL_SECONDS);
                }
            }
            Step::Revoke(slot) => {
                store.revoke(slots[slot]).await.unwrap();
                expected.expires.remove(&slots[slot]);
            }
            Step::Acquire(slot, lock) => {
                let lease = slots[slot];
                let owner = Owner { user: lease.0.to_string(), purpose: String::new(), holder: String::new() };
                let name = LOCKS[lock].parse().unwrap();
                let answer = locks::acquire(&store, &name, lease, &owner, Duration::ZERO).await;
                match expected.holder(lock) {
                    Some(holder) if holder == lease => assert!(matches!(answer, Ok(Acquisition::Acquired(_)))),
                    Some(holder) => match answer {
                        Ok(Acquisition::Held(held)) => assert_eq!(held.owner.user, holder.0.to_string()),
                        other => panic!("{holder:?} has {name}, and {lease:?} got {other:?}"),
                    },
                    None if expected.lives(lease) => match answer {
                        Ok(Acquisition::Acquired(revision)) => {
                            assert!(revision > latest, "a later holder has a higher revision");
                            latest = revision;
                            expected.holders.insert(lock, lease);
                        }
                        other => panic!("{name} is free, and {lease:?} got {other:?}"),
                    },
                    None => assert!(matches!(answer, Err(Error::LeaseGone))),
                }
            }
            Step::Release(slot, lock) => {
                let held = expected.holder(lock) == Some(slots[slot]);
                let name = LOCKS[lock].parse().unwrap();
                assert_eq!(locks::release(&store, &name, slots[slot]).await.unwrap(), held);
                if held {
                    expected.holders.remove(&lock);
                }
            }
            Step::Pass(seconds) => {
                store.advance(Duration::from_secs(seconds));
                expected.now += seconds;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_lock_has_one_holder(steps in prop::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(replay(steps));
    }
}
