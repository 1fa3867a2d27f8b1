//! What every store must do: one suite, for the memory store (whose time the tests move) and for etcd.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests assert by panicking")]

mod support;

use std::time::Duration;

use deis_state::Error;
use deis_state::store::{Change, Commit, Compacted, Keys, LeaseId, Outcome, Revision, Snapshot, Store, Watch};
use support::World;

support::conformance!(
    memory: deis_state::store::memory::Memory::with_manual_clock(),
    a_commit_happens_if_what_was_expected_holds,
    a_refused_commit_writes_nothing_and_says_what_is_there,
    a_commit_that_changes_nothing_is_no_point_in_history,
    reads_are_ordered_and_of_the_keys_asked_for,
    a_page_goes_on_after_a_key,
    a_key_remembers_its_creation_until_it_is_deleted,
    a_revoked_lease_takes_its_keys_along,
    a_lease_that_is_not_renewed_runs_out,
    nothing_hangs_on_a_lease_that_is_gone,
    a_watch_sees_every_change_of_its_keys_in_order,
    a_watch_from_the_past_catches_up,
    a_watch_behind_compaction_says_so,
);

const TTL: Duration = Duration::from_secs(2);

fn committed(outcome: Outcome) -> Revision {
    match outcome {
        Outcome::Committed(revision) => revision,
        Outcome::Refused(found) => panic!("refused: {found:?}"),
    }
}

async fn put(store: &impl Store, key: &str, value: &str) -> Revision {
    committed(store.commit(Commit::new().put(key, value)).await.unwrap())
}

async fn keys(store: &impl Store, keys: Keys) -> Vec<String> {
    store.read(&keys).await.unwrap().entries.into_iter().map(|entry| entry.key).collect()
}

fn one(key: &str) -> Keys {
    Keys::One(key.to_owned())
}

fn under(prefix: &str) -> Keys {
    Keys::Under(prefix.to_owned())
}

/// "a=1@" with the revision for a write, "a@" for a deletion.
fn shown(change: &Change) -> String {
    match change {
        Change::Put(entry) => {
            format!("{}={}@{}", entry.key, String::from_utf8_lossy(&entry.value), entry.revision)
        }
        Change::Deleted { key, revision } => format!("{key}@{revision}"),
    }
}

async fn next(watch: &mut impl Watch) -> String {
    shown(&watch.next().await.unwrap())
}

async fn a_commit_happens_if_what_was_expected_holds(world: &impl World) {
    let store = world.store();
    let create = Commit::new().expect("a", Revision::ABSENT).put("a", "1").put("b", "1");
    let first = committed(store.commit(create).await.unwrap());
    let change = Commit::new().expect("a", first).expect("c", Revision::ABSENT).put("a", "2").delete("b");
    let second = committed(store.commit(change).await.unwrap());
    assert!(second > first);
    let now = store.read(&under("")).await.unwrap();
    assert_eq!(now.revision, second);
    assert_eq!(now.entries.len(), 1);
    assert_eq!((now.entries[0].key.as_str(), now.entries[0].value.as_slice()), ("a", b"2".as_slice()));
}

async fn a_refused_commit_writes_nothing_and_says_what_is_there(world: &impl World) {
    let store = world.store();
    let revision = put(&store, "a", "1").await;
    let refused = Commit::new().expect("a", Revision::ABSENT).expect("c", Revision::ABSENT).put("a", "2").put("b", "2");
    let Outcome::Refused(Snapshot { entries, revision: at }) = store.commit(refused).await.unwrap() else {
        panic!("committed over a key that is there");
    };
    assert_eq!(at, revision);
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].key.as_str(), entries[0].revision), ("a", revision));
    assert_eq!(keys(&store, under("")).await, ["a"]);
}

async fn a_commit_that_changes_nothing_is_no_point_in_history(world: &impl World) {
    let store = world.store();
    let revision = put(&store, "a", "1").await;
    assert_eq!(committed(store.commit(Commit::new().delete("b")).await.unwrap()), revision);
    assert_eq!(store.read(&one("a")).await.unwrap().revision, revision);
}

async fn reads_are_ordered_and_of_the_keys_asked_for(world: &impl World) {
    let store = world.store();
    for key in ["x/2", "x", "x/10", "y", "x0", "x/"] {
        put(&store, key, "").await;
    }
    assert_eq!(keys(&store, under("x/")).await, ["x/", "x/10", "x/2"]);
    assert_eq!(keys(&store, one("x")).await, ["x"]);
    assert_eq!(keys(&store, one("z")).await, [""; 0]);
}

async fn a_page_goes_on_after_a_key(world: &impl World) {
    let store = world.store();
    for key in ["w", "x/1", "x/10", "x/2", "x/3", "x0", "y"] {
        put(&store, key, "").await;
    }
    let page = async |after: &str, limit| {
        let entries = store.read_page("x/", after, limit).await.unwrap();
        entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>()
    };
    assert_eq!(page("", 2).await, ["x/1", "x/10"]);
    assert_eq!(page("x/10", 2).await, ["x/2", "x/3"]);
    // A key that has gone meanwhile is a place all the same.
    assert_eq!(page("x/20", 2).await, ["x/3"]);
    assert_eq!(page("x/3", 2).await, [""; 0]);
    assert_eq!(page("w", 9).await.len(), 4);
    assert_eq!(page("y", 9).await, [""; 0]);
}

async fn a_key_remembers_its_creation_until_it_is_deleted(world: &impl World) {
    let store = world.store();
    let first = put(&store, "a", "1").await;
    let second = put(&store, "a", "2").await;
    let found = store.read(&one("a")).await.unwrap().entries;
    assert_eq!((found[0].created, found[0].revision, found[0].lease), (first, second, None));
    store.commit(Commit::new().delete("a")).await.unwrap();
    let third = put(&store, "a", "3").await;
    assert_eq!(store.read(&one("a")).await.unwrap().entries[0].created, third);
}

async fn a_revoked_lease_takes_its_keys_along(world: &impl World) {
    let store = world.store();
    let (lease, _) = store.grant(TTL).await.unwrap();
    let commit = Commit::new().put_leased("a", "1", lease).put_leased("b", "1", lease).put("c", "1");
    let revision = committed(store.commit(commit).await.unwrap());
    assert_eq!(store.read(&one("a")).await.unwrap().entries[0].lease, Some(lease));

    let mut watch = store.watch(under(""), revision);
    store.revoke(lease).await.unwrap();
    store.revoke(lease).await.unwrap();
    assert_eq!(keys(&store, under("")).await, ["c"]);
    let gone = Revision(revision.0 + 1);
    assert_eq!([next(&mut watch).await, next(&mut watch).await], [format!("a@{gone}"), format!("b@{gone}")]);
}

async fn a_lease_that_is_not_renewed_runs_out(world: &impl World) {
    let store = world.store();
    let (renewed, time_to_live) = store.grant(Duration::from_millis(1_500)).await.unwrap();
    assert!(time_to_live >= Duration::from_millis(1_500), "{time_to_live:?}");
    let (left, _) = store.grant(TTL).await.unwrap();
    let commit = Commit::new().put_leased("a", "1", left);
    let mut watch = store.watch(one("a"), committed(store.commit(commit).await.unwrap()));
    let lifetime = store.lifetime(left).await.unwrap();
    assert!(lifetime.granted == TTL && lifetime.remaining <= TTL, "{lifetime:?}");
    assert_eq!(store.renew(renewed).await.unwrap(), time_to_live);

    // The change comes when the time has passed; nothing else has to happen.
    world.pass(TTL);
    assert!(next(&mut watch).await.starts_with("a@"));
    assert!(matches!(store.renew(left).await, Err(Error::LeaseGone)));
    assert!(matches!(store.lifetime(left).await, Err(Error::LeaseGone)));
}

async fn nothing_hangs_on_a_lease_that_is_gone(world: &impl World) {
    let store = world.store();
    let (lease, _) = store.grant(TTL).await.unwrap();
    store.revoke(lease).await.unwrap();
    for lease in [lease, LeaseId(4711)] {
        let commit = Commit::new().put("a", "1").put_leased("b", "1", lease);
        assert!(matches!(store.commit(commit).await, Err(Error::LeaseGone)));
        assert!(matches!(store.renew(lease).await, Err(Error::LeaseGone)));
    }
    assert_eq!(keys(&store, under("")).await, [""; 0]);
}

async fn a_watch_sees_every_change_of_its_keys_in_order(world: &impl World) {
    let store = world.store();
    let start = put(&store, "other", "1").await;
    let mut watch = store.watch(under("x/"), start);
    let mut single = store.watch(one("x/1"), start);
    let mut expected = Vec::new();
    for number in 0..20 {
        let revision = put(&store, &format!("x/{number}"), "v").await;
        expected.push(format!("x/{number}=v@{revision}"));
        put(&store, "other", "v").await;
    }
    // All writes of one commit, in the order in which they were asked for.
    let commit = Commit::new().put("x/9", "w").delete("x/1").put("y", "w").put("x/0", "w");
    let revision = committed(store.commit(commit).await.unwrap());
    expected.extend([format!("x/9=w@{revision}"), format!("x/1@{revision}"), format!("x/0=w@{revision}")]);

    for expected in &expected {
        assert_eq!(next(&mut watch).await, *expected);
    }
    assert_eq!([next(&mut single).await, next(&mut single).await], [expected[1].clone(), expected[21].clone()]);
}

async fn a_watch_from_the_past_catches_up(world: &impl World) {
    let store = world.store();
    let first = put(&store, "a", "1").await;
    let second = put(&store, "a", "2").await;
    store.commit(Commit::new().delete("a")).await.unwrap();
    let mut watch = store.watch(one("a"), first);
    assert_eq!(next(&mut watch).await, format!("a=2@{second}"));
    assert_eq!(next(&mut watch).await, format!("a@{}", second.0 + 1));
    let third = put(&store, "a", "3").await;
    assert_eq!(next(&mut watch).await, format!("a=3@{third}"));
}

async fn a_watch_behind_compaction_says_so(world: &impl World) {
    let store = world.store();
    let first = put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    let third = put(&store, "a", "3").await;
    world.compact(third).await;
    assert_eq!(store.watch(one("a"), first).next().await, Err(Compacted));
    let mut current = store.watch(one("a"), third);
    let fourth = put(&store, "a", "4").await;
    assert_eq!(next(&mut current).await, format!("a=4@{fourth}"));
}
