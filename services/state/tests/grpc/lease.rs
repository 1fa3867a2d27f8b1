use std::time::Duration;

use deis_proto::state::{GrantRequest, KeepAliveRequest, ListHoldingsRequest, RevokeRequest};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::support::World;
use crate::support::service::{Service, code};
use crate::{SHORTEST, lease, support};

support::conformance!(
    memory: deis_state::store::memory::Memory::default(),
    a_lease_lives_as_long_as_asked_for_and_has_a_holder,
    times_to_live_have_bounds,
    a_lease_is_renewed_until_it_is_revoked,
);

async fn a_lease_lives_as_long_as_asked_for_and_has_a_holder(world: &impl World) {
    let service = Service::start(world.store()).await;
    let request = GrantRequest { time_to_live: SHORTEST, holder: "builder-0".to_owned() };
    let granted = service.leases().grant(request).await.unwrap().into_inner();
    assert_eq!(granted.time_to_live, SHORTEST);

    let listed = service.holdings("operator").list_holdings(ListHoldingsRequest::default()).await.unwrap().into_inner();
    let [found] = &listed.holdings[..] else { panic!("one lease: {listed:?}") };
    assert_eq!((found.lease_id, found.time_to_live), (granted.lease_id, SHORTEST));
    assert_eq!(found.owner.as_ref().unwrap().holder, "builder-0");
}

async fn times_to_live_have_bounds(world: &impl World) {
    let service = Service::start(world.store()).await;
    let durations = [None, Some(Duration::ZERO), Some(Duration::from_millis(1_999)), Some(Duration::from_secs(601))];
    for time_to_live in durations {
        let time_to_live = time_to_live.map(|duration| duration.try_into().unwrap());
        let request = GrantRequest { time_to_live, holder: String::new() };
        assert_eq!(code(service.leases().grant(request).await.unwrap_err()), "invalid-argument", "{time_to_live:?}");
    }
    let holder = "x".repeat(257);
    let refused = service.leases().grant(GrantRequest { time_to_live: SHORTEST, holder }).await.unwrap_err();
    assert_eq!(refused.message(), "holder: larger than 256 bytes");
}

async fn a_lease_is_renewed_until_it_is_revoked(world: &impl World) {
    let service = Service::start(world.store()).await;
    let lease_id = lease(&service, SHORTEST).await;
    let (requests, outgoing) = mpsc::channel(1);
    let mut answers = service.leases().keep_alive(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
    for _ in 0..3 {
        requests.send(KeepAliveRequest { lease_id }).await.unwrap();
        assert_eq!(answers.message().await.unwrap().unwrap().time_to_live, SHORTEST);
    }
    service.leases().revoke(RevokeRequest { lease_id }).await.unwrap();
    service.leases().revoke(RevokeRequest { lease_id }).await.unwrap();
    requests.send(KeepAliveRequest { lease_id }).await.unwrap();
    assert_eq!(code(answers.message().await.unwrap_err()), "lease-gone");
}
