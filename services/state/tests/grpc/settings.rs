use deis_proto::state::setting_event::Event;
use deis_proto::state::{
    DeleteSettingRequest, GetSettingRequest, ListSettingsRequest, PutSettingRequest, Setting, SettingEvent,
    WatchSettingsRequest,
};
use deis_rpc::Fault;
use deis_state::store::Revision;
use tonic::{Status, Streaming};

use crate::support;
use crate::support::World;
use crate::support::service::{Service, code};

support::conformance!(
    memory: deis_state::store::memory::Memory::default(),
    a_setting_is_written_read_listed_and_deleted,
    compare_and_set_refuses_what_has_changed,
    names_and_values_have_bounds,
    a_watch_begins_with_a_snapshot_and_goes_on_from_its_revision,
    a_watch_behind_compaction_gets_a_snapshot,
    a_watch_from_another_store_s_future_gets_a_snapshot,
);

async fn put(service: &Service, key: &str, value: &str, expected_revision: Option<i64>) -> Result<Setting, Status> {
    let request = PutSettingRequest { key: key.to_owned(), value: value.to_owned(), expected_revision };
    service.settings().put(request).await.map(tonic::Response::into_inner)
}

async fn get(service: &Service, key: &str) -> Result<Setting, Status> {
    service.settings().get(GetSettingRequest { key: key.to_owned() }).await.map(tonic::Response::into_inner)
}

async fn delete(service: &Service, key: &str, expected_revision: Option<i64>) -> Result<i64, Status> {
    let request = DeleteSettingRequest { key: key.to_owned(), expected_revision };
    service.settings().delete(request).await.map(|answer| answer.into_inner().revision)
}

async fn watch(service: &Service, prefix: &str, after_revision: i64) -> Streaming<SettingEvent> {
    let request = WatchSettingsRequest { prefix: prefix.to_owned(), after_revision };
    service.settings_for_workflow().watch(request).await.unwrap().into_inner()
}

async fn next(events: &mut Streaming<SettingEvent>) -> Event {
    events.message().await.unwrap().unwrap().event.unwrap()
}

fn snapshot(event: Event) -> (Vec<String>, i64) {
    match event {
        Event::Snapshot(snapshot) => {
            let shown = |setting: Setting| format!("{}={}", setting.key, setting.value);
            (snapshot.settings.into_iter().map(shown).collect(), snapshot.revision)
        }
        other => panic!("not a snapshot: {other:?}"),
    }
}

async fn a_setting_is_written_read_listed_and_deleted(world: &impl World) {
    let service = Service::start(world.store()).await;
    assert_eq!(code(get(&service, "router/gzip").await.unwrap_err()), "not-found");
    let written = put(&service, "router/gzip", "off", None).await.unwrap();
    assert!(written.revision > 0);
    assert_eq!(get(&service, "router/gzip").await.unwrap(), written);
    let body = put(&service, "router/body", "1m", None).await.unwrap();
    put(&service, "builder/limit", "2", None).await.unwrap();

    let list = ListSettingsRequest { prefix: "router/".to_owned() };
    let listed = service.settings().list(list).await.unwrap().into_inner();
    assert_eq!(listed.settings, [body, written]);

    let gone = delete(&service, "router/gzip", None).await.unwrap();
    assert!(gone > listed.revision);
    assert_eq!(code(delete(&service, "router/gzip", None).await.unwrap_err()), "not-found");
}

async fn compare_and_set_refuses_what_has_changed(world: &impl World) {
    let service = Service::start(world.store()).await;
    let first = put(&service, "router/gzip", "on", Some(0)).await.unwrap().revision;
    let second = put(&service, "router/gzip", "off", Some(first)).await.unwrap().revision;
    for (expected, refused) in [
        (0, put(&service, "router/gzip", "x", Some(0)).await.unwrap_err()),
        (first, put(&service, "router/gzip", "x", Some(first)).await.unwrap_err()),
        (first, delete(&service, "router/gzip", Some(first)).await.unwrap_err()),
    ] {
        assert_eq!(refused.message(), format!("the setting router/gzip is at revision {second}, not at {expected}"));
        assert_eq!(refused.code(), tonic::Code::Aborted);
        assert_eq!(Fault::from(&refused).code.as_str(), "revision-mismatch");
    }
    assert_eq!(get(&service, "router/gzip").await.unwrap().value, "off");
    delete(&service, "router/gzip", Some(second)).await.unwrap();
    assert_eq!(code(put(&service, "router/gzip", "x", Some(second)).await.unwrap_err()), "revision-mismatch");
}

async fn names_and_values_have_bounds(world: &impl World) {
    let service = Service::start(world.store()).await;
    assert_eq!(code(put(&service, "gzip", "x", None).await.unwrap_err()), "invalid-argument");
    assert_eq!(code(put(&service, "Router/gzip", "x", None).await.unwrap_err()), "invalid-argument");
    let largest = "x".repeat(64 * 1024);
    put(&service, "router/page", &largest, None).await.unwrap();
    assert_eq!(code(put(&service, "router/page", &format!("{largest}x"), None).await.unwrap_err()), "too-large");
}

async fn a_watch_begins_with_a_snapshot_and_goes_on_from_its_revision(world: &impl World) {
    let service = Service::start(world.store()).await;
    put(&service, "router/gzip", "on", None).await.unwrap();
    let mut events = watch(&service, "router/", 0).await;
    let (settings, revision) = snapshot(next(&mut events).await);
    assert_eq!(settings, ["router/gzip=on"]);

    put(&service, "builder/limit", "2", None).await.unwrap();
    let changed = put(&service, "router/gzip", "off", None).await.unwrap();
    let deleted = delete(&service, "router/gzip", None).await.unwrap();
    let expected = [
        Event::Put(changed),
        Event::Deleted(deis_proto::state::setting_event::Deleted { key: "router/gzip".to_owned(), revision: deleted }),
    ];
    assert_eq!([next(&mut events).await, next(&mut events).await], expected);

    // Whoever comes back with the last revision it saw misses nothing.
    let mut resumed = watch(&service, "router/", revision).await;
    assert_eq!([next(&mut resumed).await, next(&mut resumed).await], expected);
}

async fn a_watch_behind_compaction_gets_a_snapshot(world: &impl World) {
    let service = Service::start(world.store()).await;
    let first = put(&service, "router/gzip", "1", None).await.unwrap().revision;
    put(&service, "router/gzip", "2", None).await.unwrap();
    let third = put(&service, "router/gzip", "3", None).await.unwrap().revision;
    world.compact(Revision(third)).await;

    let mut events = watch(&service, "router/", first).await;
    assert_eq!(snapshot(next(&mut events).await), (vec!["router/gzip=3".to_owned()], third));
    let fourth = put(&service, "router/gzip", "4", None).await.unwrap();
    assert_eq!(next(&mut events).await, Event::Put(fourth));
}

async fn a_watch_from_another_store_s_future_gets_a_snapshot(world: &impl World) {
    let service = Service::start(world.store()).await;
    let revision = put(&service, "router/gzip", "1", None).await.unwrap().revision;
    // What a client says after etcd was restored from an old backup.
    let mut events = watch(&service, "", revision + 1_000).await;
    assert_eq!(snapshot(next(&mut events).await), (vec!["router/gzip=1".to_owned()], revision));
}
