//! Namespaces of apps that are no more: a controller that was overtaken may have made one again and died before it looked once more, and a
//! restore forgets apps that its backup does not have.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use deis_api::{AppName, causes};
use deis_kube::labels;
use k8s_openapi::api::core::v1::{Namespace, Pod, ReplicationController, Secret, Service};
use k8s_openapi::{Metadata, NamespaceResourceScope};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::Finding;
use super::apps::AREA;
use crate::backup::{self, PodShell, ShellError};
use crate::cluster::KubeError;
use crate::deadline::within;
use crate::words::count;

const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Compares namespaces with the ledger, which is read after them: an app is in it before it has a namespace, and for as long as it has one.
/// An app that was destroyed between the two is in neither, so that the namespaces are looked at once more.
pub(super) async fn look(client: &Client, platform: &str, namespaces: &[Namespace]) -> Result<Vec<Finding>, KubeError> {
    let candidates = namespaces.iter().filter(|namespace| namespace.name_any() != platform);
    let candidates = candidates.filter(|namespace| app(namespace).is_some()).collect::<Vec<_>>();
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let apps = match within(ANSWER_LIMIT, apps(client, platform)).await {
        Some(Ok(apps)) => apps,
        // It is told among the parts.
        Some(Err(ShellError::NoPod(_))) => return Ok(Vec::new()),
        Some(Err(error)) => return Ok(vec![unread(&causes(&error))]),
        None => return Ok(vec![unread(&format!("it does not answer within {} s", ANSWER_LIMIT.as_secs()))]),
    };
    let candidates = strangers(candidates, &apps);
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let now = Api::<Namespace>::all(client.clone()).list(&ListParams::default().labels(labels::OURS)).await?;
    let mut findings = Vec::new();
    for name in remaining(&candidates, &now.items) {
        findings.push(orphan(&name, &holdings(client, &name).await?));
    }
    Ok(findings)
}

async fn apps(client: &Client, platform: &str) -> Result<BTreeSet<AppName>, ShellError> {
    backup::apps(&PodShell::of("database", client, platform).await?).await
}

/// The app that a namespace was made for.
fn app(namespace: &Namespace) -> Option<AppName> {
    labels::app(&namespace.metadata).filter(|app| app.as_str() == namespace.name_any())
}

/// Those that no app has.
fn strangers<'a>(namespaces: impl IntoIterator<Item = &'a Namespace>, apps: &BTreeSet<AppName>) -> Vec<&'a Namespace> {
    let is_strange = |namespace: &&Namespace| app(namespace).is_some_and(|app| !apps.contains(&app));
    namespaces.into_iter().filter(is_strange).collect()
}

/// The names of those that are still there and stay. One that is on its way out and does not arrive is told of anyway.
fn remaining(strangers: &[&Namespace], now: &[Namespace]) -> Vec<String> {
    let stays = |stranger: &&&Namespace| {
        let mut same = now.iter().filter(|namespace| namespace.uid() == stranger.uid());
        same.any(|namespace| namespace.metadata.deletion_timestamp.is_none())
    };
    strangers.iter().filter(stays).map(|namespace| namespace.name_any()).collect()
}

/// What of ours is in a namespace: `2 pods, 1 Service`.
async fn holdings(client: &Client, namespace: &str) -> Result<String, KubeError> {
    let found = [
        ("pod", number::<Pod>(client, namespace).await?),
        ("ReplicationController", number::<ReplicationController>(client, namespace).await?),
        ("Service", number::<Service>(client, namespace).await?),
        ("Secret", number::<Secret>(client, namespace).await?),
    ];
    let found = found.iter().filter(|(_, number)| *number > 0).map(|(kind, number)| count(*number, kind));
    Ok(found.collect::<Vec<_>>().join(", "))
}

async fn number<K>(client: &Client, namespace: &str) -> Result<i64, KubeError>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Metadata + Clone + Debug + DeserializeOwned,
{
    let ours = ListParams::default().labels(labels::OURS);
    let found = Api::<K>::namespaced(client.clone(), namespace).list_metadata(&ours).await?;
    Ok(i64::try_from(found.items.len()).unwrap_or(i64::MAX))
}

fn orphan(name: &str, holdings: &str) -> Finding {
    let holdings = if holdings.is_empty() { "nothing of ours" } else { holdings };
    let says = format!("belongs to no app in the ledger; it has {holdings}");
    let fix = format!("unless a backup is to bring the app back (deisctl restore): kubectl delete namespace {name}");
    Finding::fault(AREA, name, says, fix)
}

fn unread(why: &str) -> Finding {
    let says = format!("cannot be compared with the ledger: {why}");
    Finding::fault(AREA, "all", says, "use an account that may run programs in pods; deisctl journal database")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn namespace(name: &str, labels: Value) -> Namespace {
        from_value(json!({ "metadata": { "name": name, "uid": format!("{name}-1"), "labels": labels } })).unwrap()
    }

    fn ours(name: &str) -> Namespace {
        namespace(name, json!({ "app": name, "heritage": "deis" }))
    }

    fn apps(names: &[&str]) -> BTreeSet<AppName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn a_namespace_that_carries_our_labels_belongs_to_an_app() {
        let helms = namespace("helms", json!({ "app": "helms", "heritage": "Helm" }));
        let others = namespace("others", json!({ "app": "shop", "heritage": "deis" }));
        let all = [ours("shop"), ours("left"), namespace("bare", json!({ "heritage": "deis" })), helms, others];
        let strange = |known: &[&str]| {
            let strange = strangers(&all, &apps(known)).into_iter();
            strange.map(|namespace| namespace.name_any()).collect::<Vec<_>>()
        };
        assert_eq!(strange(&["shop", "left"]), [""; 0]);
        assert_eq!(strange(&["shop"]), ["left"]);
        assert_eq!(strange(&[]), ["shop", "left"]);
    }

    /// It went between the two reads, as the namespace does before the ledger forgets the app.
    #[test]
    fn what_is_being_destroyed_is_not_named() {
        let before = ours("shop");
        let remaining = |now: &[Namespace]| remaining(&[&before], now);
        assert_eq!(remaining(&[ours("shop"), ours("other")]), ["shop"]);
        assert_eq!(remaining(&[ours("other")]), [""; 0]);
        let mut leaving = ours("shop");
        leaving.metadata.deletion_timestamp = from_value(json!("2026-11-23T12:00:00Z")).unwrap();
        assert_eq!(remaining(&[leaving]), [""; 0]);
        let mut later = ours("shop");
        later.metadata.uid = Some("shop-2".to_owned());
        assert_eq!(remaining(&[later]), [""; 0]);
    }

    #[test]
    fn the_mend_can_be_typed() {
        let found = orphan("left", "1 Service");
        assert_eq!(found.says, "belongs to no app in the ledger; it has 1 Service");
        assert!(found.fix.unwrap().ends_with("(deisctl restore): kubectl delete namespace left"));
    }
}
