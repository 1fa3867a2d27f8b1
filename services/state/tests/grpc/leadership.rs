use deis_proto::state::campaign_event::Event;
use deis_proto::state::{CampaignEvent, CampaignRequest, RevokeRequest};
use tonic::Streaming;

use crate::support::World;
use crate::support::service::{Service, code};
use crate::{LONG, SHORTEST, lease, support};

support::conformance!(
    memory: deis_state::store::memory::Memory::default(),
    candidates_lead_in_the_order_in_which_they_came,
    a_candidate_that_comes_again_keeps_its_place,
    a_leader_whose_lease_runs_out_has_lost,
    elections_do_not_mix,
    a_candidate_needs_a_lease,
);

async fn campaign(service: &Service, election: &str, lease_id: i64, candidate: &str) -> Streaming<CampaignEvent> {
    let request = CampaignRequest { election: election.to_owned(), lease_id, candidate: candidate.to_owned() };
    service.leadership().campaign(request).await.unwrap().into_inner()
}

async fn next(events: &mut Streaming<CampaignEvent>) -> String {
    match events.message().await.unwrap().unwrap().event.unwrap() {
        Event::Waiting(waiting) => format!("waiting for {}", waiting.leader),
        Event::Elected(_) => "elected".to_owned(),
        Event::Lost(_) => "lost".to_owned(),
    }
}

async fn term(events: &mut Streaming<CampaignEvent>) -> i64 {
    match events.message().await.unwrap().unwrap().event.unwrap() {
        Event::Elected(elected) => elected.term,
        other => panic!("not elected: {other:?}"),
    }
}

async fn candidates_lead_in_the_order_in_which_they_came(world: &impl World) {
    let service = Service::start(world.store()).await;
    let mut first = campaign(&service, "workflow/reconciler", lease(&service, LONG).await, "w-1").await;
    let first_term = term(&mut first).await;
    let second_lease = lease(&service, LONG).await;
    let mut second = campaign(&service, "workflow/reconciler", second_lease, "w-2").await;
    assert_eq!(next(&mut second).await, "waiting for w-1");
    let mut third = campaign(&service, "workflow/reconciler", lease(&service, LONG).await, "w-3").await;
    assert_eq!(next(&mut third).await, "waiting for w-1");

    // Closing the stream resigns.
    drop(first);
    assert!(term(&mut second).await > first_term);
    assert_eq!(next(&mut third).await, "waiting for w-2");

    service.leases().revoke(RevokeRequest { lease_id: second_lease }).await.unwrap();
    assert_eq!(next(&mut second).await, "lost");
    assert!(second.message().await.unwrap().is_none());
    assert_eq!(next(&mut third).await, "elected");
}

async fn a_candidate_that_comes_again_keeps_its_place(world: &impl World) {
    let service = Service::start(world.store()).await;
    let first_lease = lease(&service, LONG).await;
    let mut first = campaign(&service, "workflow/reconciler", first_lease, "w-1").await;
    let first_term = term(&mut first).await;
    let mut second = campaign(&service, "workflow/reconciler", lease(&service, LONG).await, "w-2").await;
    assert_eq!(next(&mut second).await, "waiting for w-1");

    let mut again = campaign(&service, "workflow/reconciler", first_lease, "w-1").await;
    assert_eq!(term(&mut again).await, first_term);
    // The stream it had before is not its voice any more: its end resigns for nobody.
    assert_eq!(next(&mut first).await, "lost");
    drop(first);
    drop(again);
    assert!(term(&mut second).await > first_term);
}

async fn a_leader_whose_lease_runs_out_has_lost(world: &impl World) {
    let service = Service::start(world.store()).await;
    let mut first = campaign(&service, "workflow/reconciler", lease(&service, SHORTEST).await, "w-1").await;
    assert_eq!(next(&mut first).await, "elected");
    let mut second = campaign(&service, "workflow/reconciler", lease(&service, LONG).await, "w-2").await;
    assert_eq!(next(&mut second).await, "waiting for w-1");
    assert_eq!(next(&mut first).await, "lost");
    assert_eq!(next(&mut second).await, "elected");
}

async fn elections_do_not_mix(world: &impl World) {
    let service = Service::start(world.store()).await;
    for election in ["workflow/a", "workflow/ab", "workflow/a/b"] {
        let mut events = campaign(&service, election, lease(&service, LONG).await, "w-1").await;
        assert_eq!(next(&mut events).await, "elected", "{election}");
    }
}

async fn a_candidate_needs_a_lease(world: &impl World) {
    let service = Service::start(world.store()).await;
    let mut events = campaign(&service, "workflow/reconciler", 4711, "w-1").await;
    assert_eq!(code(events.message().await.unwrap_err()), "lease-gone");
}
