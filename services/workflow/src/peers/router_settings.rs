use std::collections::BTreeMap;
use std::time::Duration;

use deis_kube::watch::objects;
use deis_kube::{apply, names, objects as described};
use deis_proto::state::setting_event::Event;
use deis_proto::state::settings_service_client::SettingsServiceClient;
use deis_proto::state::{SettingEvent, WatchSettingsRequest};
use deis_rpc::Client;
use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::runtime::watcher::Config as Selection;
use tokio::time::{MissedTickBehavior, interval};

/// Where the routers' settings are in state.
const PREFIX: &str = "router/";
/// Between two tries.
const PACE: Duration = Duration::from_secs(2);

/// Carries the routers' settings from state into Kubernetes, from where the routers watch them: they reach nothing else.
#[derive(Clone)]
pub struct RouterSettings {
    /// Where operators write them.
    pub state: Client,
    /// Where routers read them.
    pub kubernetes: kube::Client,
    /// The platform's namespace.
    pub namespace: String,
}

/// They could not be carried over.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("state does not tell the settings")]
    State(#[from] tonic::Status),
    #[error("the settings cannot be written")]
    Kubernetes(#[from] deis_kube::Error),
}

impl RouterSettings {
    /// Keeps the routers' ConfigMap as state says, until dropped; what somebody changes in it by hand is put back.
    pub async fn keep(self) {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            match self.follow().await {
                Ok(()) => tracing::info!("state ended the watch of the routers' settings"),
                Err(error) => tracing::warn!(error = ?error, "the routers' settings stay as they are"),
            }
        }
    }

    async fn follow(&self) -> Result<(), Error> {
        let api = Api::<ConfigMap>::namespaced(self.kubernetes.clone(), &self.namespace);
        let by_name = Selection::default().fields(&format!("metadata.name={}", names::ROUTER_SETTINGS));
        let (mut changes, _) = objects(api.clone(), by_name);
        // A snapshot first, each time: nothing is missed.
        let request = WatchSettingsRequest { prefix: PREFIX.to_owned(), after_revision: 0 };
        let mut events = SettingsServiceClient::new(self.state.clone()).watch(request).await?.into_inner();
        let mut settings = None;
        loop {
            tokio::select! {
                event = events.message() => match event? {
                    Some(event) => take(&mut settings, event),
                    None => return Ok(()),
                },
                // Whatever it was, and our own writes too: a look that finds nothing to do is cheap.
                Some(_change) = changes.next() => {}
            }
            if let Some(settings) = &settings {
                // No fence: a leader that is none any more is put right by the one that is.
                apply::ensure(&api, described::router_settings(&self.namespace, settings), 0).await?;
            }
        }
    }
}

/// Takes up what state tells; before its first snapshot nothing is known.
fn take(settings: &mut Option<BTreeMap<String, String>>, event: SettingEvent) {
    let key = |path: &str| path.strip_prefix(PREFIX).map(str::to_owned);
    match (event.event, settings.as_mut()) {
        (Some(Event::Snapshot(snapshot)), _) => {
            let all = snapshot.settings.into_iter().filter_map(|setting| Some((key(&setting.key)?, setting.value)));
            *settings = Some(all.collect());
        }
        (Some(Event::Put(setting)), Some(known)) => known.extend(key(&setting.key).map(|key| (key, setting.value))),
        (Some(Event::Deleted(deleted)), Some(known)) => {
            known.retain(|name, _| key(&deleted.key).as_ref() != Some(name));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use deis_proto::state::Setting;
    use deis_proto::state::setting_event::{Deleted, Snapshot};

    use super::*;

    fn setting(key: &str, value: &str) -> Setting {
        Setting { key: key.to_owned(), value: value.to_owned(), revision: 1 }
    }

    fn after(events: Vec<Event>) -> Option<Vec<String>> {
        let mut settings = None;
        events.into_iter().for_each(|event| take(&mut settings, SettingEvent { event: Some(event) }));
        settings.map(|settings| settings.iter().map(|(key, value)| format!("{key}={value}")).collect())
    }

    #[test]
    fn what_state_tells_is_what_routers_get() {
        let put = || Event::Put(setting("router/ssl.enforce", "true"));
        assert_eq!(after(vec![put()]), None, "before the first snapshot nothing is known");
        let snapshot = || {
            let settings =
                vec![setting("router/default-timeout", "20m"), setting("workflow/registration-mode", "enabled")];
            Event::Snapshot(Snapshot { settings, ..Snapshot::default() })
        };
        assert_eq!(after(vec![snapshot()]).unwrap(), ["default-timeout=20m"]);
        assert_eq!(after(vec![snapshot(), put()]).unwrap(), ["default-timeout=20m", "ssl.enforce=true"]);
        let deleted = Event::Deleted(Deleted { key: "router/default-timeout".to_owned(), ..Deleted::default() });
        assert_eq!(after(vec![snapshot(), put(), deleted]).unwrap(), ["ssl.enforce=true"]);
        assert_eq!(after(vec![put(), Event::Snapshot(Snapshot::default())]).unwrap(), [""; 0]);
    }
}
