//! What the platform needs before its first pod starts: authorities, certificates, keys and passwords, as Secrets.
//!
//! [`catalogue`] says what there is, [`plan`] what is to be done with what exists, and [`store`] does it. Every Secret is made
//! once; only certificates that this module issued are ever written again, when they expire or their names changed.

mod catalogue;
mod certificate;
mod credentials;
mod plan;
mod remedy;
mod store;

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;

pub(crate) use self::catalogue::Settings;
use self::catalogue::Wanted;
pub(crate) use self::plan::Outcome;
pub(crate) use self::plan::PlanError;
pub(crate) use self::remedy::{command, of_missing};
pub(crate) use self::store::{KubeStore, StoreError};
use self::store::{Store, Written};

/// Rounds that others may spoil. Each spoiled round means that somebody else made progress on one of the Secrets, of which
/// there are fewer.
const ROUNDS: usize = 32;

#[derive(Debug, thiserror::Error)]
pub(crate) enum InitError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("others write the platform's Secrets all the time")]
    Contended,
}

/// Brings all Secrets about; says of each what was done, in the order of the catalogue.
pub(crate) async fn run(
    store: &impl Store,
    settings: &Settings,
    now: Timestamp,
) -> Result<Vec<(&'static str, Outcome)>, InitError> {
    let wanted = catalogue::wanted(settings);
    let mut done = BTreeMap::new();
    'rounds: for _ in 0..ROUNDS {
        let existing = read(store, &wanted).await?;
        for step in plan::plan(&wanted, &existing, now)? {
            let written = match (step.outcome, &step.secret) {
                (Outcome::Created, Some(secret)) => store.create(secret).await?,
                (Outcome::Renewed, Some(secret)) => store.replace(secret).await?,
                _ => Written::Done,
            };
            if written == Written::Conflict {
                // What follows may hang on what somebody else has just written, so everything is looked at anew.
                continue 'rounds;
            }
            let outcome = done.entry(step.name).or_insert(step.outcome);
            if step.outcome != Outcome::Kept {
                *outcome = step.outcome;
            }
        }
        return Ok(wanted.iter().filter_map(|wanted| Some((wanted.name, *done.get(wanted.name)?))).collect());
    }
    Err(InitError::Contended)
}

/// Says of each Secret what a run would do with it, without doing it: one that it cannot use or make is told as such.
pub(crate) async fn examine(
    store: &impl Store,
    settings: &Settings,
    now: Timestamp,
) -> Result<Vec<(&'static str, Result<Outcome, PlanError>)>, StoreError> {
    let wanted = catalogue::wanted(settings);
    let existing = read(store, &wanted).await?;
    Ok(plan::steps(&wanted, &existing, now).map(|(name, step)| (name, step.map(|step| step.outcome))).collect())
}

/// Those that there are.
async fn read(store: &impl Store, wanted: &[Wanted]) -> Result<BTreeMap<&'static str, Secret>, StoreError> {
    let mut existing = BTreeMap::new();
    for wanted in wanted {
        if let Some(secret) = store.read(wanted.name).await? {
            existing.insert(wanted.name, secret);
        }
    }
    Ok(existing)
}

#[cfg(test)]
mod tests {
    use super::store::memory::MemoryStore;
    use super::*;

    fn settings() -> Settings {
        Settings { namespace: "deis".to_owned(), domain: "apps.example.com".parse().unwrap() }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    async fn outcomes(store: &MemoryStore, now: &str) -> Vec<(&'static str, Outcome)> {
        run(store, &settings(), at(now)).await.unwrap()
    }

    fn renewed(outcomes: &[(&'static str, Outcome)]) -> Vec<&'static str> {
        outcomes.iter().filter(|(_, outcome)| *outcome == Outcome::Renewed).map(|(name, _)| *name).collect()
    }

    #[tokio::test]
    async fn the_first_run_makes_everything_and_the_second_keeps_it() {
        let store = MemoryStore::default();
        assert!(outcomes(&store, "2026-11-23T12:00:00Z").await.iter().all(|(_, outcome)| *outcome == Outcome::Created));
        let before = store.all();
        assert!(outcomes(&store, "2026-11-24T12:00:00Z").await.iter().all(|(_, outcome)| *outcome == Outcome::Kept));
        assert_eq!(store.all(), before);
    }

    #[tokio::test]
    async fn certificates_are_renewed_in_their_last_third_and_nothing_else_is() {
        let store = MemoryStore::default();
        outcomes(&store, "2026-11-23T12:00:00Z").await;
        assert!(renewed(&outcomes(&store, "2027-07-20T12:00:00Z").await).is_empty());
        assert_eq!(
            renewed(&outcomes(&store, "2027-07-26T12:00:00Z").await),
            [
                "deis-workflow-tls",
                "deis-builder-tls",
                "deis-registry-proxy-tls",
                "deis-logger-tls",
                "deis-logger-agent-tls",
                "deis-router-tls",
                "deis-state-tls",
                "deis-operator-tls",
                "deis-router-platform-cert",
                "deis-etcd-server-tls",
                "deis-etcd-client-tls",
            ]
        );
        assert!(renewed(&outcomes(&store, "2027-07-27T12:00:00Z").await).is_empty());
    }

    #[tokio::test]
    async fn a_certificate_follows_its_names() {
        let store = MemoryStore::default();
        outcomes(&store, "2026-11-23T12:00:00Z").await;
        let moved = Settings { domain: "example.org".parse().unwrap(), ..settings() };
        let outcomes = run(&store, &moved, at("2026-11-23T12:00:00Z")).await.unwrap();
        assert_eq!(renewed(&outcomes), ["deis-router-platform-cert"]);
    }

    #[tokio::test]
    async fn somebody_elses_certificate_is_kept_for_ever() {
        let store = MemoryStore::default();
        let foreign = MemoryStore::default();
        run(&foreign, &settings(), at("2020-01-01T00:00:00Z")).await.unwrap();
        let mut bought = foreign.get("deis-router-platform-cert").unwrap();
        let data = bought.data.as_mut().unwrap();
        data.insert(
            "tls.crt".to_owned(),
            k8s_openapi::ByteString(certificate::tests::self_signed("*.apps.example.com")),
        );
        store.put(bought.clone());
        outcomes(&store, "2026-11-23T12:00:00Z").await;
        outcomes(&store, "2036-11-23T12:00:00Z").await;
        assert_eq!(store.get("deis-router-platform-cert").unwrap().data, bought.data);
    }

    #[tokio::test]
    async fn a_lost_authority_takes_its_certificates_with_it() {
        let store = MemoryStore::default();
        outcomes(&store, "2026-11-23T12:00:00Z").await;
        store.remove("deis-etcd-ca");
        let outcomes = outcomes(&store, "2026-11-23T12:00:00Z").await;
        assert_eq!(renewed(&outcomes), ["deis-etcd-server-tls", "deis-etcd-client-tls"]);
    }

    #[tokio::test]
    async fn two_at_once_agree() {
        let store = MemoryStore::default();
        let settings = settings();
        let now = at("2026-11-23T12:00:00Z");
        let (one, other) = tokio::join!(run(&store, &settings, now), run(&store, &settings, now));
        for (one, other) in one.unwrap().into_iter().zip(other.unwrap()) {
            let both = [one.1, other.1];
            assert!(both.contains(&Outcome::Created) && both.contains(&Outcome::Kept), "{}: {both:?}", one.0);
        }
        assert!(outcomes(&store, "2026-11-23T12:00:00Z").await.iter().all(|(_, outcome)| *outcome == Outcome::Kept));
    }

    #[tokio::test]
    async fn a_secret_without_its_keys_is_named_and_left_alone() {
        let store = MemoryStore::default();
        outcomes(&store, "2026-11-23T12:00:00Z").await;
        let mut broken = store.get("deis-database-creds").unwrap();
        broken.data.as_mut().unwrap().remove("password");
        store.put(broken);
        let error = run(&store, &settings(), at("2026-11-23T12:00:00Z")).await.unwrap_err();
        assert_eq!(error.to_string(), "Secret deis-database-creds has no key password");
        let InitError::Plan(error) = error else { panic!("{error:?}") };
        // PostgreSQL keeps the password of its first start: another one would lock everybody out.
        let remedy = error.remedy(&settings());
        assert!(
            remedy.starts_with("put it back as it was: kubectl -n deis edit secret deis-database-creds;"),
            "{remedy}"
        );
    }
}
