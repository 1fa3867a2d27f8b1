use deis_proto::state::publish_request::NewEntry;
use deis_proto::state::{ProgressEntry, PublishRequest, WatchProgressRequest};
use deis_state::store::{Keys, Store as _};
use tonic::{Status, Streaming};

use crate::support::World;
use crate::support::service::{Service, code};
use crate::{LONG, SHORTEST, support};

support::conformance!(
    memory: deis_state::store::memory::Memory::default(),
    entries_are_numbered_and_watched_from_anywhere,
    a_watch_may_come_before_the_operation,
    nothing_comes_after_the_last_entry,
    publishers_at_the_same_time_share_the_numbers,
    an_operation_that_runs_out_ends_its_watches,
    sizes_have_bounds,
);

const OPERATION: &str = "deploy/app/v2";

async fn publish(
    service: &Service,
    texts: &[&str],
    last: bool,
    time_to_live: Option<prost_types::Duration>,
) -> Result<i64, Status> {
    let count = texts.len();
    let entries = texts
        .iter()
        .enumerate()
        .map(|(index, text)| NewEntry { payload: text.as_bytes().to_vec().into(), last: last && index + 1 == count });
    let request = PublishRequest { operation: OPERATION.to_owned(), entries: entries.collect(), time_to_live };
    service.progress().publish(request).await.map(|answer| answer.into_inner().sequence)
}

async fn watch(service: &Service, after_sequence: i64) -> Streaming<ProgressEntry> {
    let request = WatchProgressRequest { operation: OPERATION.to_owned(), after_sequence };
    service.progress().watch(request).await.unwrap().into_inner()
}

/// "1 text", "2 text last"; `None` at the end.
async fn next(entries: &mut Streaming<ProgressEntry>) -> Option<String> {
    let entry = entries.message().await.unwrap()?;
    let last = if entry.last { " last" } else { "" };
    Some(format!("{} {}{last}", entry.sequence, String::from_utf8_lossy(&entry.payload)))
}

async fn entries_are_numbered_and_watched_from_anywhere(world: &impl World) {
    let service = Service::start(world.store()).await;
    assert_eq!(publish(&service, &["a", "b"], false, LONG).await.unwrap(), 2);
    assert_eq!(publish(&service, &["c"], false, LONG).await.unwrap(), 3);
    let (mut all, mut rest) = (watch(&service, 0).await, watch(&service, 2).await);
    for expected in ["1 a", "2 b", "3 c"] {
        assert_eq!(next(&mut all).await.unwrap(), expected);
    }
    assert_eq!(next(&mut rest).await.unwrap(), "3 c");
    publish(&service, &["d"], true, LONG).await.unwrap();
    for mut entries in [all, rest, watch(&service, 3).await] {
        assert_eq!(next(&mut entries).await.unwrap(), "4 d last");
        assert_eq!(next(&mut entries).await, None);
    }
    // Who has seen the last entry is not kept waiting.
    assert_eq!(next(&mut watch(&service, 4).await).await, None);
}

async fn a_watch_may_come_before_the_operation(world: &impl World) {
    let service = Service::start(world.store()).await;
    let (mut entries, mut stale) = (watch(&service, 0).await, watch(&service, 7).await);
    publish(&service, &["a", "b"], true, LONG).await.unwrap();
    for entries in [&mut entries, &mut stale] {
        assert_eq!(next(entries).await.unwrap(), "1 a");
        assert_eq!(next(entries).await.unwrap(), "2 b last");
        assert_eq!(next(entries).await, None);
    }
}

async fn nothing_comes_after_the_last_entry(world: &impl World) {
    let service = Service::start(world.store()).await;
    publish(&service, &["a"], true, LONG).await.unwrap();
    let refused = publish(&service, &["b"], false, LONG).await.unwrap_err();
    assert_eq!(refused.message(), "the operation deploy/app/v2 has had its last entry");
    assert_eq!(code(refused), "failed-precondition");
}

async fn publishers_at_the_same_time_share_the_numbers(world: &impl World) {
    let service = Service::start(world.store()).await;
    let publishing = (0..6).map(async |_| publish(&service, &["x", "y"], false, LONG).await.unwrap());
    let mut sequences = futures_util::future::join_all(publishing).await;
    sequences.sort_unstable();
    assert_eq!(sequences, [2, 4, 6, 8, 10, 12]);
    // The leases of those who came second are not left behind.
    let now = world.store().read(&Keys::Under("/deis/progress/".to_owned())).await.unwrap();
    let leases: std::collections::BTreeSet<_> = now.entries.iter().map(|entry| entry.lease).collect();
    assert_eq!((now.entries.len(), leases.len()), (13, 1));
}

async fn an_operation_that_runs_out_ends_its_watches(world: &impl World) {
    let service = Service::start(world.store()).await;
    publish(&service, &["a"], false, SHORTEST).await.unwrap();
    let mut entries = watch(&service, 0).await;
    assert_eq!(next(&mut entries).await.unwrap(), "1 a");
    assert_eq!(code(entries.message().await.unwrap_err()), "not-found");
    assert_eq!(publish(&service, &["again"], false, SHORTEST).await.unwrap(), 1);
}

async fn sizes_have_bounds(world: &impl World) {
    let service = Service::start(world.store()).await;
    let none = publish(&service, &[], false, LONG).await.unwrap_err();
    assert_eq!(none.message(), "entries: 1 to 100 at once");
    assert_eq!(code(publish(&service, &["a"; 101], false, LONG).await.unwrap_err()), "invalid-argument");
    assert_eq!(code(publish(&service, &["a"], false, None).await.unwrap_err()), "invalid-argument");
    let largest = "x".repeat(64 * 1024);
    assert_eq!(code(publish(&service, &[&format!("{largest}x")], false, LONG).await.unwrap_err()), "too-large");
    assert_eq!(code(publish(&service, &[largest.as_str(); 17], false, LONG).await.unwrap_err()), "too-large");
    // A full transaction, in entries and in bytes.
    assert_eq!(publish(&service, &[largest.as_str(); 16], false, LONG).await.unwrap(), 16);
    for round in 1..=9 {
        assert_eq!(publish(&service, &["x"; 100], false, LONG).await.unwrap(), 16 + round * 100);
    }
    let full = publish(&service, &["x"; 85], false, LONG).await.unwrap_err();
    assert_eq!((full.code(), code(full)), (tonic::Code::ResourceExhausted, "limit-reached"));
    assert_eq!(publish(&service, &["x"; 84], true, LONG).await.unwrap(), 1_000);
}
