use std::time::{Duration, SystemTime};

use deis_proto::state::acquire_response::Outcome;
use deis_proto::state::{AcquireRequest, LockOwner, ReleaseRequest, RevokeRequest};
use tonic::Status;

use crate::support::World;
use crate::support::service::{Service, code};
use crate::{LONG, SHORTEST, lease, support};

support::conformance!(
    memory: deis_state::store::memory::Memory::default(),
    a_lock_is_taken_once_and_its_holder_is_named,
    the_holder_asking_again_has_it_already,
    a_lock_is_released_by_its_holder_only,
    whoever_waits_gets_it_when_it_is_released,
    whoever_waits_gets_it_when_the_holder_dies,
    a_wait_ends_in_time_and_names_the_holder,
    of_many_who_wait_each_gets_it_once,
    a_lock_needs_a_lease_and_a_proper_name,
);

fn request(name: &str, lease_id: i64, user: &str, wait: u64) -> AcquireRequest {
    AcquireRequest {
        name: name.to_owned(),
        lease_id,
        owner: Some(LockOwner {
            user: user.to_owned(),
            purpose: format!("git push of {user}"),
            holder: "builder-0".to_owned(),
        }),
        wait: Some(Duration::from_secs(wait).try_into().unwrap()),
    }
}

async fn acquire(service: &Service, request: AcquireRequest) -> Result<Outcome, Status> {
    service.locks().acquire(request).await.map(|answer| answer.into_inner().outcome.unwrap())
}

async fn take(service: &Service, request: AcquireRequest) -> i64 {
    match acquire(service, request).await.unwrap() {
        Outcome::Acquired(acquired) => acquired.revision,
        Outcome::Held(held) => panic!("held: {held:?}"),
    }
}

async fn release(service: &Service, name: &str, lease_id: i64) -> bool {
    let request = ReleaseRequest { name: name.to_owned(), lease_id };
    service.locks().release(request).await.unwrap().into_inner().released
}

async fn a_lock_is_taken_once_and_its_holder_is_named(world: &impl World) {
    let service = Service::start(world.store()).await;
    let (mine, other) = (lease(&service, LONG).await, lease(&service, LONG).await);
    let before = SystemTime::now();
    take(&service, request("push/app", mine, "ada", 0)).await;
    // A lock is not in the way of those whose names begin like its own.
    take(&service, request("push/app2", other, "bob", 0)).await;

    let Outcome::Held(held) = acquire(&service, request("push/app", other, "bob", 0)).await.unwrap() else {
        panic!("taken twice");
    };
    assert_eq!(held.owner, request("push/app", mine, "ada", 0).owner);
    let since = SystemTime::try_from(held.since.unwrap()).unwrap();
    let expires = SystemTime::try_from(held.expires.unwrap()).unwrap();
    let now = SystemTime::now();
    assert!(since >= before && since <= now);
    assert!(expires > now + Duration::from_secs(500) && expires <= now + Duration::from_secs(600));
}

async fn the_holder_asking_again_has_it_already(world: &impl World) {
    let service = Service::start(world.store()).await;
    let mine = lease(&service, LONG).await;
    let revision = take(&service, request("push/app", mine, "ada", 0)).await;
    assert_eq!(take(&service, request("push/app", mine, "ada", 0)).await, revision);
}

async fn a_lock_is_released_by_its_holder_only(world: &impl World) {
    let service = Service::start(world.store()).await;
    let (mine, other) = (lease(&service, LONG).await, lease(&service, LONG).await);
    let first = take(&service, request("push/app", mine, "ada", 0)).await;
    assert!(!release(&service, "push/app", other).await);
    assert!(release(&service, "push/app", mine).await);
    assert!(!release(&service, "push/app", mine).await);
    assert!(take(&service, request("push/app", other, "bob", 0)).await > first);
}

async fn whoever_waits_gets_it_when_it_is_released(world: &impl World) {
    let service = Service::start(world.store()).await;
    let (mine, other) = (lease(&service, LONG).await, lease(&service, LONG).await);
    let first = take(&service, request("push/app", mine, "ada", 0)).await;
    let (second, released) =
        tokio::join!(take(&service, request("push/app", other, "bob", 60)), release(&service, "push/app", mine));
    assert!(released);
    assert!(second > first);
}

async fn whoever_waits_gets_it_when_the_holder_dies(world: &impl World) {
    let service = Service::start(world.store()).await;
    let (mine, other) = (lease(&service, SHORTEST).await, lease(&service, LONG).await);
    let first = take(&service, request("push/app", mine, "ada", 0)).await;
    assert!(take(&service, request("push/app", other, "bob", 60)).await > first);
    assert!(!release(&service, "push/app", mine).await);
}

async fn a_wait_ends_in_time_and_names_the_holder(world: &impl World) {
    let service = Service::start(world.store()).await;
    let (mine, other) = (lease(&service, LONG).await, lease(&service, LONG).await);
    take(&service, request("push/app", mine, "ada", 0)).await;
    match acquire(&service, request("push/app", other, "bob", 1)).await.unwrap() {
        Outcome::Held(held) => assert_eq!(held.owner.unwrap().user, "ada"),
        Outcome::Acquired(_) => panic!("taken twice"),
    }
    let refused = acquire(&service, request("push/app", other, "bob", 1_201)).await.unwrap_err();
    assert_eq!(code(refused), "invalid-argument");
}

async fn of_many_who_wait_each_gets_it_once(world: &impl World) {
    let service = Service::start(world.store()).await;
    let waiting = (0..8).map(async |number| {
        let lease_id = lease(&service, LONG).await;
        let revision = take(&service, request("deploy/app", lease_id, &format!("user-{number}"), 60)).await;
        assert!(release(&service, "deploy/app", lease_id).await);
        revision
    });
    let mut revisions = futures_util::future::join_all(waiting).await;
    revisions.sort_unstable();
    revisions.dedup();
    assert_eq!(revisions.len(), 8);
}

async fn a_lock_needs_a_lease_and_a_proper_name(world: &impl World) {
    let service = Service::start(world.store()).await;
    let gone = lease(&service, LONG).await;
    service.leases().revoke(RevokeRequest { lease_id: gone }).await.unwrap();
    assert_eq!(code(acquire(&service, request("push/app", gone, "ada", 5)).await.unwrap_err()), "lease-gone");
    assert_eq!(code(acquire(&service, request("push", gone, "ada", 5)).await.unwrap_err()), "invalid-argument");
}
