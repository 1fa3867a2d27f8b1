use deis_proto::state::{AcquireRequest, CampaignRequest, GetSettingRequest, WatchSettingsRequest};
use deis_state::store::memory::Memory;

use crate::support::service::{Service, code};
use crate::{LONG, lease};

#[tokio::test]
async fn callers_are_those_of_the_contract() {
    let service = Service::start(Memory::default()).await;
    // An operator reads settings and may not watch them.
    let missing = service.settings().get(GetSettingRequest { key: "router/gzip".to_owned() }).await.unwrap_err();
    assert_eq!(code(missing), "not-found");
    let refused = service.settings().watch(WatchSettingsRequest::default()).await.unwrap_err();
    assert_eq!(code(refused), "permission-denied");
}

#[tokio::test]
async fn an_ending_replica_sends_its_callers_to_another_one() {
    let service = Service::start(Memory::default()).await;
    let (mine, other) = (lease(&service, LONG).await, lease(&service, LONG).await);
    let request = |lease_id, wait| AcquireRequest { name: "push/app".to_owned(), lease_id, wait, ..Default::default() };
    service.locks().acquire(request(mine, None)).await.unwrap();
    let mut settings =
        service.settings_for_workflow().watch(WatchSettingsRequest::default()).await.unwrap().into_inner();
    settings.message().await.unwrap().unwrap();
    let candidate = CampaignRequest { election: "a/b".to_owned(), lease_id: mine, candidate: "w-1".to_owned() };
    let mut campaign = service.leadership().campaign(candidate).await.unwrap().into_inner();
    campaign.message().await.unwrap().unwrap();

    let mut locks = service.locks();
    let ending = async { service.context.shutdown.cancel() };
    let (waiting, ()) = tokio::join!(locks.acquire(request(other, LONG)), ending);
    let refusals = [waiting.unwrap_err(), settings.message().await.unwrap_err(), campaign.message().await.unwrap_err()];
    for refusal in refusals {
        assert_eq!(code(refusal), "unavailable");
    }
    service.context.tasks.finished().await;
}
