use std::time::Duration;

use deis_bootstrap::Context;
use deis_proto::state::setting_event::Event;
use deis_proto::state::settings_service_client::SettingsServiceClient;
use deis_proto::state::{Setting, WatchSettingsRequest};
use deis_rpc::Client;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::accounts::RegistrationMode;

/// The operator's override of who may register.
const REGISTRATION_MODE: &str = "workflow/registration-mode";
/// Between two tries to follow the settings.
const PACE: Duration = Duration::from_secs(2);

/// Who may register now: the operator's setting, and while there is none (or state was not reached yet) the chart's value.
pub fn follow_registration_mode(
    context: &Context,
    client: Client,
    chart: RegistrationMode,
) -> watch::Receiver<RegistrationMode> {
    let (sender, mode) = watch::channel(chart);
    let shutdown = context.shutdown.clone();
    drop(context.tasks.spawn("follow settings", async move {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(pace.tick()).await.is_some() {
            match shutdown.run_until_cancelled(follow(client.clone(), chart, &sender)).await {
                Some(Err(error)) => tracing::warn!(%error, "settings cannot be followed, the last known hold"),
                Some(Ok(())) => tracing::info!("state ended the watch of the settings"),
                None => {}
            }
        }
    }));
    mode
}

async fn follow(
    client: Client,
    chart: RegistrationMode,
    mode: &watch::Sender<RegistrationMode>,
) -> Result<(), tonic::Status> {
    // A snapshot first, each time: nothing is missed.
    let request = WatchSettingsRequest { prefix: REGISTRATION_MODE.to_owned(), after_revision: 0 };
    let mut events = SettingsServiceClient::new(client).watch(request).await?.into_inner();
    while let Some(event) = events.message().await? {
        let now = match event.event {
            Some(Event::Snapshot(snapshot)) => {
                snapshot.settings.into_iter().find(|setting| setting.key == REGISTRATION_MODE)
            }
            Some(Event::Put(setting)) if setting.key == REGISTRATION_MODE => Some(setting),
            Some(Event::Deleted(deleted)) if deleted.key == REGISTRATION_MODE => None,
            _ => continue,
        };
        mode.send_replace(effective(now.as_ref(), chart));
    }
    Ok(())
}

fn effective(setting: Option<&Setting>, chart: RegistrationMode) -> RegistrationMode {
    let Some(setting) = setting else { return chart };
    RegistrationMode::parse(&setting.value).unwrap_or_else(|| {
        tracing::error!(value = setting.value, "no registration mode: enabled, admin_only or disabled");
        RegistrationMode::Disabled
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_wins_and_what_is_no_mode_opens_nothing() {
        let setting = |value: &str| Setting { key: String::new(), value: value.to_owned(), revision: 1 };
        let chart = RegistrationMode::AdminOnly;
        assert_eq!(effective(None, chart), chart);
        assert_eq!(effective(Some(&setting("enabled")), chart), RegistrationMode::Enabled);
        assert_eq!(effective(Some(&setting("open")), RegistrationMode::Enabled), RegistrationMode::Disabled);
    }
}
