//! Kubernetes Events, so that `kubectl describe` explains what the command line explains.

use deis_api::{AppName, Code};
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Api, PostParams};

use crate::{Error, labels};

/// Who reports.
const COMPONENT: &str = "deis-workflow";
/// The longest message that Kubernetes takes, in bytes.
const MAX_MESSAGE: usize = 1024;

/// Describes a failure of an app as an Event about its Service; the reason is the stable code.
#[must_use]
pub fn warning(app: &AppName, code: Code, message: &str, now: jiff::Timestamp) -> Event {
    Event {
        metadata: ObjectMeta {
            generate_name: Some(format!("{app}.")),
            namespace: Some(app.to_string()),
            labels: Some(labels::of_app(app)),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Service".to_owned()),
            namespace: Some(app.to_string()),
            name: Some(app.to_string()),
            ..ObjectReference::default()
        },
        type_: Some("Warning".to_owned()),
        reason: Some(code.to_string()),
        message: Some(cut(message)),
        source: Some(EventSource { component: Some(COMPONENT.to_owned()), host: None }),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        count: Some(1),
        ..Event::default()
    }
}

/// Records an Event.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Refused`].
pub async fn record(api: &Api<Event>, event: &Event) -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let created = api.create(&PostParams::default(), event).await;
    created.map(drop).map_err(|error| Error::of("Event", error))
}

fn cut(message: &str) -> String {
    let end = (0..=MAX_MESSAGE.min(message.len())).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
    message.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_code() {
        let app = "peachy-waxworks".parse().unwrap();
        let event = warning(&app, Code::NeverReady, "web does not listen on port 5000", jiff::Timestamp::UNIX_EPOCH);
        insta::assert_yaml_snapshot!(event);
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        assert_eq!(cut(&"é".repeat(600)).len(), 1024);
        assert_eq!(cut(&format!("x{}", "é".repeat(600))).len(), 1023);
        assert_eq!(cut("short"), "short");
    }
}
