use std::time::{Duration, SystemTime};

use deis_proto::state::holding::Kind;
use deis_proto::state::{
    AcquireRequest, CampaignEvent, CampaignRequest, Holding, ListHoldingsRequest, ListHoldingsResponse, LockOwner,
    RevokeRequest,
};
use deis_state::locks;
use deis_state::store::{Commit, LeaseId, Store as _};
use tonic::{Status, Streaming};

use crate::support::World;
use crate::support::service::{Service, code};
use crate::{LONG, lease, support};

support::conformance!(
    memory: deis_state::store::memory::Memory::default(),
    all_that_hangs_on_leases_is_listed,
    pages_have_bounds_and_leave_nothing_out,
    a_leader_is_known_though_its_election_is_on_several_pages,
    what_an_earlier_version_wrote_is_listed,
    only_operators_may_look,
);

async fn page(service: &Service, page_size: i32, token: &str) -> Result<ListHoldingsResponse, Status> {
    let request = ListHoldingsRequest { page_size, page_token: token.to_owned() };
    service.holdings("operator").list_holdings(request).await.map(tonic::Response::into_inner)
}

/// Page by page, with what each of them is; no page is larger than it may be.
async fn all(service: &Service, page_size: i32) -> Vec<Holding> {
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let page = page(service, page_size, &token).await.unwrap();
        assert!(page.holdings.len() <= page_size.unsigned_abs() as usize, "{page:?}");
        assert!(page.next_page_token.is_empty() || page.next_page_token > token, "it goes round in circles: {page:?}");
        found.extend(page.holdings);
        token = page.next_page_token;
        if token.is_empty() {
            return found;
        }
    }
}

async fn campaign(service: &Service, election: &str, lease_id: i64, candidate: &str) -> Streaming<CampaignEvent> {
    let request = CampaignRequest { election: election.to_owned(), lease_id, candidate: candidate.to_owned() };
    let mut events = service.leadership().campaign(request).await.unwrap().into_inner();
    events.message().await.unwrap().unwrap();
    events
}

async fn take(service: &Service, name: &str, lease_id: i64, user: &str) {
    let owner = LockOwner { user: user.to_owned(), purpose: "git push".to_owned(), holder: "b-1".to_owned() };
    let request = AcquireRequest { name: name.to_owned(), lease_id, owner: Some(owner), wait: None };
    service.locks().acquire(request).await.unwrap();
}

/// "LEADER workflow/reconciler w-1".
fn shown(holding: &Holding) -> String {
    let owner = holding.owner.as_ref().unwrap();
    let kind = holding.kind().as_str_name().trim_start_matches("KIND_");
    format!("{kind} {} {} {} {}", holding.name, owner.holder, owner.user, owner.purpose).trim_end().to_owned()
}

async fn all_that_hangs_on_leases_is_listed(world: &impl World) {
    let service = Service::start(world.store()).await;
    let before = SystemTime::now();
    let (first, second) = (lease(&service, LONG).await, lease(&service, LONG).await);
    let _leader = campaign(&service, "workflow/reconciler", first, "w-1").await;
    let _candidate = campaign(&service, "workflow/reconciler", second, "w-2").await;
    take(&service, "push/app", second, "ada").await;

    let found = page(&service, 0, "").await.unwrap();
    assert_eq!(found.next_page_token, "");
    let (leader, candidate) = ("LEADER workflow/reconciler w-1", "CANDIDATE workflow/reconciler w-2");
    let mut elections = vec![(first, leader.to_owned()), (second, candidate.to_owned())];
    // Leases have numbers, and those no order.
    elections.sort_by_key(|(id, _)| format!("{id:016x}"));
    let mut leases = [first, second].map(|id| (id, format!("LEASE {id:016x} builder-0"))).to_vec();
    leases.sort_by_key(|(_, text)| text.clone());
    let expected = [elections, leases, vec![(second, "LOCK push/app b-1 ada git push".to_owned())]].concat();
    assert_eq!(found.holdings.iter().map(|one| (one.lease_id, shown(one))).collect::<Vec<_>>(), expected);

    let now = SystemTime::now();
    for holding in &found.holdings {
        let since = SystemTime::try_from(holding.since.unwrap()).unwrap();
        assert!(since >= before && since <= now, "{holding:?}");
        let remaining = Duration::try_from(holding.remaining.unwrap()).unwrap();
        assert!(remaining > Duration::from_secs(500) && remaining <= Duration::from_secs(600), "{holding:?}");
        assert_eq!((holding.time_to_live, holding.renewed), (LONG, true));
    }

    service.leases().revoke(RevokeRequest { lease_id: first }).await.unwrap();
    let left = all(&service, 100).await;
    let of = |kind| left.iter().filter(|one| one.kind() == kind).map(shown).collect::<Vec<_>>();
    assert_eq!(of(Kind::Leader), ["LEADER workflow/reconciler w-2"]);
    assert_eq!((of(Kind::Candidate).len(), of(Kind::Lease).len(), of(Kind::Lock).len()), (0, 1, 1));
}

async fn pages_have_bounds_and_leave_nothing_out(world: &impl World) {
    let service = Service::start(world.store()).await;
    let mine = lease(&service, LONG).await;
    let store = world.store();
    for number in 0..150 {
        let owner = locks::Owner { holder: "b-1".to_owned(), ..locks::Owner::default() };
        let name = format!("push/app-{number:03}").parse().unwrap();
        locks::acquire(&store, &name, LeaseId(mine), &owner, Duration::ZERO).await.unwrap();
    }
    let names = (0..150).map(|number| format!("push/app-{number:03}"));
    let expected = std::iter::once(format!("{mine:016x}")).chain(names).collect::<Vec<_>>();
    for size in [1, 50, 100] {
        let found = all(&service, size).await.into_iter().map(|holding| holding.name).collect::<Vec<_>>();
        assert_eq!(found, expected, "in pages of {size}");
    }
    assert_eq!(page(&service, 0, "").await.unwrap().holdings.len(), 100);
    for (size, token) in [(-1, ""), (101, ""), (0, "/deis/settings/"), (0, "x")] {
        assert_eq!(code(page(&service, size, token).await.unwrap_err()), "invalid-argument", "{size} {token}");
    }
}

async fn a_leader_is_known_though_its_election_is_on_several_pages(world: &impl World) {
    let service = Service::start(world.store()).await;
    let mut leases = Vec::new();
    for _ in 0..4 {
        leases.push(lease(&service, LONG).await);
    }
    // Whoever comes first has neither the first key nor the last.
    leases.sort_unstable_by_key(|id| format!("{id:016x}"));
    leases.swap(0, 1);
    let mut campaigns = Vec::new();
    for (number, id) in leases.iter().enumerate() {
        campaigns.push(campaign(&service, "workflow/reconciler", *id, &format!("w-{number}")).await);
    }
    for size in [1, 100] {
        let found = all(&service, size).await;
        let leaders = found.iter().filter(|holding| holding.kind() == Kind::Leader).map(shown).collect::<Vec<_>>();
        assert_eq!(leaders, ["LEADER workflow/reconciler w-0"], "in pages of {size}");
    }
}

async fn what_an_earlier_version_wrote_is_listed(world: &impl World) {
    let service = Service::start(world.store()).await;
    let store = world.store();
    let (id, _) = store.grant(Duration::from_secs(600)).await.unwrap();
    let commit = Commit::new().put_leased(format!("/deis/leases/{:016x}", id.0), "builder-0", id);
    store.commit(commit).await.unwrap();
    let found = all(&service, 100).await;
    let [lease] = &found[..] else { panic!("one lease: {found:?}") };
    assert_eq!((shown(lease), lease.since), (format!("LEASE {:016x} builder-0", id.0), None));
}

async fn only_operators_may_look(world: &impl World) {
    let service = Service::start(world.store()).await;
    page(&service, 0, "").await.unwrap();
    for caller in ["builder", "workflow"] {
        let refused = service.holdings(caller).list_holdings(ListHoldingsRequest::default()).await.unwrap_err();
        assert_eq!(code(refused), "permission-denied", "{caller}");
    }
}
