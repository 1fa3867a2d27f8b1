use std::time::Duration;

use deis_api::AppName;
use deis_bootstrap::deadline;
use deis_kube::apply::Seen;
use deis_kube::watch::{self, Change};
use deis_kube::{delete, labels};
use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::runtime::watcher;
use kube::{Api, Client};

use super::writes::outage;
use crate::deploy::EffectError;
use crate::deploy::cluster::Demolition;

/// Deletes an app's namespace, with everything in it, and waits for at most `limit` until it is gone.
pub(super) async fn demolish(
    client: &Client,
    app: &AppName,
    fence: i64,
    limit: Duration,
) -> Result<Demolition, EffectError> {
    let api = Api::<Namespace>::all(client.clone());
    let found = api.get_opt(app.as_str()).await.map_err(|error| {
        tracing::warn!(%app, %error, "a namespace cannot be looked up");
        EffectError::Unavailable(outage(&error))
    })?;
    // A namespace that is somebody else's stays.
    let Some(found) = found.filter(|found| labels::app(&found.metadata).as_ref() == Some(app)) else {
        return Ok(Demolition::Gone);
    };
    if found.metadata.deletion_timestamp.is_none() {
        delete::seen(&api, &Seen::of(&found), fence).await?;
    }
    let mut last = found;
    match deadline(limit, gone(api, app, &mut last)).await {
        Ok(()) => Ok(Demolition::Gone),
        Err(_still_there) => Ok(Demolition::Remains(explain(app, &last))),
    }
}

/// Waits until a namespace is gone, by watching it.
async fn gone(api: Api<Namespace>, app: &AppName, last: &mut Namespace) {
    let selection = watcher::Config::default().fields(&format!("metadata.name={app}"));
    let (mut changes, _health) = watch::objects(api, selection);
    let mut is_there = false;
    while let Some(change) = changes.next().await {
        match change {
            Change::Applied(namespace) if namespace.metadata.uid == last.metadata.uid => {
                is_there = true;
                *last = namespace;
            }
            Change::Complete if is_there => {}
            // Deleted, not in the list, or another one of this name.
            Change::Applied(_) | Change::Deleted(_) | Change::Complete => return,
        }
    }
}

/// What keeps a namespace, in the words of Kubernetes.
fn explain(app: &AppName, namespace: &Namespace) -> String {
    let conditions = namespace.status.as_ref().and_then(|status| status.conditions.as_ref());
    let reasons = conditions.into_iter().flatten().filter(|condition| condition.status == "True");
    let mut reasons = reasons.filter_map(|condition| condition.message.clone()).collect::<Vec<_>>();
    let finalizers = namespace.metadata.finalizers.iter().flatten().cloned().collect::<Vec<_>>();
    if !finalizers.is_empty() {
        reasons.push(format!("it has the finalizers {}", finalizers.join(", ")));
    }
    if reasons.is_empty() {
        return format!("Kubernetes still deletes the namespace {app}.");
    }
    let reasons = reasons.iter().map(|reason| reason.trim_end_matches('.')).collect::<Vec<_>>().join("; ");
    format!("Kubernetes still deletes the namespace {app}: {reasons}.")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_keeps_a_namespace_is_said() {
        let namespace = |finalizers: &[&str], conditions: serde_json::Value| {
            let namespace = json!({ "metadata": { "finalizers": finalizers }, "status": { "conditions": conditions } });
            explain(&"shop".parse().unwrap(), &serde_json::from_value(namespace).unwrap())
        };
        let condition =
            |kind: &str, status: &str, message: &str| json!({ "type": kind, "status": status, "message": message });
        insta::assert_yaml_snapshot!([
            namespace(&[], json!([])),
            namespace(&["example.com/hold"], json!([])),
            namespace(
                &[],
                json!([
                    condition("NamespaceDeletionDiscoveryFailure", "False", "All resources successfully discovered"),
                    condition(
                        "NamespaceContentRemaining",
                        "True",
                        "Some resources are remaining: pods. has 1 resource instances"
                    ),
                    condition(
                        "NamespaceFinalizersRemaining",
                        "True",
                        "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
                    ),
                ])
            ),
        ]);
    }
}
