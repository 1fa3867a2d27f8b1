//! What the service's callers have survives etcd: its crash, its compaction, its new certificates.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

mod support;

use std::time::Duration;

use deis_bootstrap::{Context, deadline};
use deis_proto::state::acquire_response::Outcome;
use deis_proto::state::campaign_event::Event as CampaignEvent;
use deis_proto::state::setting_event::Event;
use deis_proto::state::{
    AcquireRequest, CampaignRequest, GetSettingRequest, GrantRequest, KeepAliveRequest, LockOwner, PutSettingRequest,
    ReleaseRequest, Setting, SettingEvent, WatchSettingsRequest,
};
use deis_state::store::{Keys, Store as _};
use support::World as _;
use support::etcd::Etcd;
use support::service::{Service, code};
use tokio::sync::mpsc;
use tonic::Streaming;

async fn lease(service: &Service) -> i64 {
    let time_to_live = Some(Duration::from_secs(60).try_into().unwrap());
    let request = GrantRequest { time_to_live, holder: "builder-0".to_owned() };
    service.leases().grant(request).await.unwrap().into_inner().lease_id
}

async fn acquire(service: &Service, lease_id: i64, user: &str, wait: u64) -> Outcome {
    let request = AcquireRequest {
        name: "push/app".to_owned(),
        lease_id,
        owner: Some(LockOwner { user: user.to_owned(), ..LockOwner::default() }),
        wait: Some(Duration::from_secs(wait).try_into().unwrap()),
    };
    service.locks().acquire(request).await.unwrap().into_inner().outcome.unwrap()
}

async fn put(service: &Service, value: &str) -> Setting {
    let request = PutSettingRequest { key: "router/gzip".to_owned(), value: value.to_owned(), expected_revision: None };
    service.settings().put(request).await.unwrap().into_inner()
}

async fn watch(service: &Service) -> Streaming<SettingEvent> {
    let mut events = service.settings_for_workflow().watch(WatchSettingsRequest::default()).await.unwrap().into_inner();
    assert!(matches!(next(&mut events).await, Event::Snapshot(_)));
    events
}

async fn next(events: &mut Streaming<SettingEvent>) -> Event {
    events.message().await.unwrap().unwrap().event.unwrap()
}

async fn campaign(service: &Service, lease_id: i64) -> Streaming<deis_proto::state::CampaignEvent> {
    let request = CampaignRequest { election: "workflow/reconciler".to_owned(), lease_id, candidate: "w-1".to_owned() };
    let mut events = service.leadership().campaign(request).await.unwrap().into_inner();
    let first = events.message().await.unwrap().unwrap().event.unwrap();
    assert!(matches!(first, CampaignEvent::Elected(_)), "{first:?}");
    events
}

#[tokio::test]
async fn a_crash_of_etcd_loses_nothing() {
    let mut etcd = Etcd::start().await;
    let service = Service::run(etcd.config()).await;
    let (mine, other) = (lease(&service).await, lease(&service).await);
    let mut settings = watch(&service).await;
    let _leading = campaign(&service, mine).await;
    assert!(matches!(acquire(&service, mine, "ada", 0).await, Outcome::Acquired(_)));
    let before = put(&service, "1").await;

    let work = async {
        etcd.kill();
        let refused = service.settings().get(GetSettingRequest { key: before.key.clone() }).await.unwrap_err();
        assert_eq!((refused.message(), code(refused.clone())), ("etcd cannot be reached", "unavailable"));
        etcd.start_again().await;

        let after = put(&service, "2").await;
        assert_eq!([next(&mut settings).await, next(&mut settings).await], [Event::Put(before), Event::Put(after)]);
        match acquire(&service, lease(&service).await, "eve", 0).await {
            Outcome::Held(held) => assert_eq!(held.owner.unwrap().user, "ada"),
            Outcome::Acquired(_) => panic!("the lock was lost"),
        }
        let renewals = tokio_stream::once(KeepAliveRequest { lease_id: mine });
        let mut renewed = service.leases().keep_alive(renewals).await.unwrap().into_inner();
        assert!(renewed.message().await.unwrap().is_some());
        let release = ReleaseRequest { name: "push/app".to_owned(), lease_id: mine };
        assert!(service.locks().release(release).await.unwrap().into_inner().released);
    };
    // Bob waits all the while.
    let (waited, ()) = tokio::join!(acquire(&service, other, "bob", 120), work);
    assert!(matches!(waited, Outcome::Acquired(_)));
}

#[tokio::test]
async fn what_was_compacted_while_out_of_reach_is_made_up_for() {
    let mut etcd = Etcd::start().await;
    let service = Service::run(etcd.config()).await;
    let (mine, other) = (lease(&service).await, lease(&service).await);
    let mut settings = watch(&service).await;
    let mut leading = campaign(&service, mine).await;
    assert!(matches!(acquire(&service, mine, "ada", 0).await, Outcome::Acquired(_)));

    let work = etcd.while_out_of_reach(async |mut raw| {
        raw.lease_revoke(mine).await.unwrap();
        let mut revision = 0;
        for value in ["1", "2", "3"] {
            let written = raw.put("/deis/settings/router/gzip", value, None).await.unwrap();
            revision = written.header().unwrap().revision();
        }
        raw.compact(revision, None).await.unwrap();
    });
    // The lock is free again when nobody can see the change that freed it.
    let (waited, ()) = tokio::join!(acquire(&service, other, "bob", 120), work);
    assert!(matches!(waited, Outcome::Acquired(_)));

    let Event::Snapshot(now) = next(&mut settings).await else { panic!("changes are missing and nobody said so") };
    assert_eq!(now.settings.iter().map(|setting| setting.value.as_str()).collect::<Vec<_>>(), ["3"]);
    let after = put(&service, "4").await;
    assert_eq!(next(&mut settings).await, Event::Put(after));
    let last = leading.message().await.unwrap().unwrap().event.unwrap();
    assert!(matches!(last, CampaignEvent::Lost(_)), "{last:?}");
}

#[tokio::test]
async fn the_process_is_ready_while_etcd_is_reached() {
    let mut etcd = Etcd::start().await;
    etcd.kill();
    let service = Service::run(etcd.config()).await;
    until(|| service.context.readiness.waiting_for() == ["etcd"]).await;
    etcd.start_again().await;
    until(|| service.context.readiness.is_ready()).await;
    etcd.kill();
    until(|| service.context.readiness.waiting_for() == ["etcd"]).await;
}

/// Readiness is asked, by the kubelet as well; it has no event to wait for.
async fn until(holds: impl Fn() -> bool) {
    let asked = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    deadline(Duration::from_secs(30), asked).await.unwrap();
}

#[tokio::test]
async fn the_link_is_made_anew_with_the_certificates_of_then() {
    let mut etcd = Etcd::start().await;
    let (told, mut heard) = mpsc::channel(8);
    let store = etcd.store();
    let context = Context::new("state");
    let link = context.tasks.spawn("link", {
        let store = store.clone();
        async move { store.keep_link(|reached| told.try_send(reached).unwrap()).await }
    });
    assert_eq!(heard.recv().await, Some(true));
    etcd.kill();
    assert_eq!(heard.recv().await, Some(false));
    etcd.certify_anew();
    etcd.start_again().await;
    assert_eq!(heard.recv().await, Some(true));
    store.read(&Keys::Under(String::new())).await.unwrap();
    link.abort();
}
