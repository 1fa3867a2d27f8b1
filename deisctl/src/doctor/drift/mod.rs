//! What was changed or deleted by hand: the release as helm has written it down, and what is there.

mod differences;
mod release;

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use kube::discovery::{Scope, pinned_kind};
use kube::{Api, Client, ResourceExt as _};
use serde_json::Value;

use self::differences::{Difference, differences};
use self::release::Release;
use super::Finding;
use crate::cluster::KubeError;
use crate::upgrade::Manifest;

pub(super) const AREA: &str = "drift";
/// Helm, and what may write to an object besides without changing what is asked of it.
const MANAGERS: [&str; 4] = ["helm", "kube-controller-manager", "kubelet", "kube-scheduler"];
/// More differences of one object are counted.
const TOLD: usize = 3;
/// No upgrade takes longer.
const LONGEST_UPGRADE: SignedDuration = SignedDuration::from_mins(30);

type Kinds = BTreeMap<(String, String), (ApiResource, Scope)>;

pub(super) async fn look(client: &Client, namespace: &str, now: Timestamp) -> Result<Vec<Finding>, KubeError> {
    let Some(release) = Release::installed(client, namespace).await? else {
        return Ok(vec![Finding::well(
            AREA,
            "helm",
            "did not install this platform: there is nothing to compare it with",
        )]);
    };
    let subject = format!("release {}", release.name);
    let back = format!("helm rollback {} {} --namespace {namespace}", release.name, release.revision);
    if let Some((status, since)) = &release.pending {
        let minutes = now.duration_since(*since).as_mins();
        if now.duration_since(*since) > LONGEST_UPGRADE {
            let says = format!("is {status} since {minutes} minutes: helm was killed, and refuses another upgrade");
            return Ok(vec![Finding::fault(AREA, subject, says, back)]);
        }
        return Ok(vec![Finding::well(AREA, subject, format!("is {status}: what differs now is meant to"))]);
    }
    let manifest = match Manifest::read(&release.manifest) {
        Ok(manifest) => manifest,
        Err(error) => return Ok(vec![Finding::fault(AREA, subject, format!("cannot be read: {error}"), back)]),
    };
    let kinds = kinds(client, &manifest).await?;
    let looks = manifest.objects().map(|wanted| look_at(client, namespace, &kinds, wanted, &back));
    Ok(try_join_all(looks).await?.into_iter().flatten().collect())
}

/// Where the objects of each kind are.
async fn kinds(client: &Client, manifest: &Manifest) -> Result<Kinds, KubeError> {
    let mut kinds =
        manifest.objects().map(|object| (text(object, "apiVersion"), text(object, "kind"))).collect::<Vec<_>>();
    kinds.sort();
    kinds.dedup();
    let found = kinds.into_iter().map(async |(version, kind)| {
        let (group, plain) = version.split_once('/').unwrap_or(("", &version));
        let (resource, about) = pinned_kind(client, &GroupVersionKind::gvk(group, plain, &kind)).await?;
        Ok::<_, KubeError>(((version, kind), (resource, about.scope)))
    });
    Ok(try_join_all(found).await?.into_iter().collect())
}

async fn look_at(
    client: &Client,
    namespace: &str,
    kinds: &Kinds,
    wanted: &Value,
    back: &str,
) -> Result<Option<Finding>, KubeError> {
    let Some((resource, scope)) = kinds.get(&(text(wanted, "apiVersion"), text(wanted, "kind"))) else {
        return Ok(None);
    };
    let own = wanted.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or(namespace);
    let api: Api<DynamicObject> = match scope {
        Scope::Cluster => Api::all_with(client.clone(), resource),
        Scope::Namespaced => Api::namespaced_with(client.clone(), own, resource),
    };
    let name = wanted.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let subject = format!("{} {name}", resource.kind);
    let Some(live) = api.get_opt(name).await? else {
        return Ok(Some(Finding::fault(AREA, subject, "was deleted", back)));
    };
    let differences = differences(wanted, &serde_json::to_value(&live).unwrap_or_default());
    let object = format!("{}/{name}", resource.kind.to_lowercase());
    let fix = fix(&differences, own, &object, back);
    Ok(Some(of(subject, &differences, by_whom(&live), &fix)))
}

/// What undoes differences: helm puts back what was changed, and leaves alone what was added.
fn fix(differences: &[Difference], namespace: &str, object: &str, back: &str) -> String {
    let added = differences.iter().map(|difference| match difference {
        Difference::Added { path } => Some(path),
        _ => None,
    });
    let Some(added) = added.collect::<Option<Vec<_>>>() else { return back.to_owned() };
    let variables = added.iter().map(|path| path.rsplit_once(".env[")?.1.strip_suffix(']'));
    match variables.collect::<Option<Vec<_>>>() {
        Some(variables) => format!("kubectl -n {namespace} set env {object} {}-", variables.join("- ")),
        None => format!("take away what was added: kubectl -n {namespace} edit {object}"),
    }
}

fn of(subject: String, differences: &[Difference], by_whom: Option<String>, fix: &str) -> Finding {
    if differences.is_empty() {
        return Finding::well(AREA, subject, "is as released");
    }
    let mut told = differences.iter().take(TOLD).map(ToString::to_string).collect::<Vec<_>>();
    if differences.len() > TOLD {
        told.push(format!("{} more differences", differences.len() - TOLD));
    }
    let says = told.join("; ") + &by_whom.map(|who| format!(" ({who})")).unwrap_or_default();
    Finding::fault(AREA, subject, says, fix)
}

/// Who else has written to it, as Kubernetes has noted it.
fn by_whom(live: &DynamicObject) -> Option<String> {
    let fields = live.managed_fields().iter().filter(|fields| fields.subresource.as_deref() != Some("status"));
    let others = fields.filter_map(|fields| Some((fields.time.as_ref()?, fields.manager.as_deref()?)));
    let others = others.filter(|(_, manager)| !MANAGERS.contains(manager));
    let (Time(at), manager) = others.max_by_key(|(Time(at), _)| *at)?;
    Some(format!("by {manager} at {at}"))
}

fn text(object: &Value, field: &str) -> String {
    object.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn a_change_is_told_with_who_made_it_and_what_undoes_it() {
        let live: DynamicObject = from_value(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "deis-logger", "managedFields": [
                { "manager": "helm", "operation": "Update", "time": "2026-11-23T12:00:00Z" },
                { "manager": "kubectl-scale", "operation": "Update", "time": "2026-11-23T12:10:00Z", "subresource": "scale" },
                { "manager": "kube-controller-manager", "operation": "Update", "time": "2026-11-23T12:20:00Z" },
            ] },
            "spec": { "replicas": 0, "paused": false },
        }))
        .unwrap();
        let found = |wanted: Value| {
            let differences = differences(&wanted, &serde_json::to_value(&live).unwrap());
            of("Deployment deis-logger".to_owned(), &differences, by_whom(&live), "helm rollback deis 3")
        };
        assert!(found(json!({ "spec": { "replicas": 0 } })).well);
        let fault = found(json!({ "spec": { "replicas": 1 } }));
        assert_eq!(fault.says, "spec.replicas is 0 and not 1 (by kubectl-scale at 2026-11-23T12:10:00Z)");
        assert_eq!(fault.fix.as_deref(), Some("helm rollback deis 3"));
    }

    #[test]
    fn what_was_added_is_taken_away_by_hand() {
        let wanted =
            json!({ "c": [{ "name": "x", "env": [{ "name": "A", "value": "1" }], "ports": [{ "port": 1 }] }] });
        let of = |env: Value, ports: Value| {
            let live = json!({ "c": [{ "name": "x", "env": env, "ports": ports }] });
            fix(&differences(&wanted, &live), "deis", "deployment/x", "helm rollback")
        };
        let (a, b, c) = (json!({ "name": "A", "value": "1" }), json!({ "name": "B" }), json!({ "name": "C" }));
        assert_eq!(of(json!([a, b, c]), json!([{ "port": 1 }])), "kubectl -n deis set env deployment/x B- C-");
        assert_eq!(
            of(json!([a, b]), json!([{ "port": 1 }, { "port": 2 }])),
            "take away what was added: kubectl -n deis edit deployment/x"
        );
        assert_eq!(of(json!([b]), json!([{ "port": 1 }])), "helm rollback");
    }

    #[test]
    fn many_differences_are_counted() {
        let wanted = json!({ "a": 1, "b": 1, "c": 1, "d": 1, "e": 1 });
        let found = of("x".to_owned(), &differences(&wanted, &json!({ "a": 2, "b": 2, "c": 2 })), None, "");
        assert_eq!(found.says, "a is 2 and not 1; b is 2 and not 1; c is 2 and not 1; 2 more differences");
    }
}
