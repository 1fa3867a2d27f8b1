use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::catalogue::{Content, Leaf, Settings, Wanted};
use super::certificate::{Authority, CertificateError, Pair};
use super::credentials::{self, CredentialsError, Entries, HOST_KEYS};
use super::remedy;

const TLS_CERTIFICATE: &str = "tls.crt";
const TLS_KEY: &str = "tls.key";
const TLS_AUTHORITY: &str = "ca.crt";

/// What happened to a Secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Created,
    Renewed,
    Kept,
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Created => "created",
            Self::Renewed => "renewed",
            Self::Kept => "kept",
        })
    }
}

/// What is to be done with one Secret, and the Secret as it is to be written.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) secret: Option<Secret>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("Secret {secret} has no key {key}")]
    Incomplete { secret: &'static str, key: &'static str },
    #[error("Secret {secret} is not what it should be")]
    Unusable {
        secret: &'static str,
        #[source]
        source: CertificateError,
    },
    #[error("Secret {secret} cannot be made")]
    Make {
        secret: &'static str,
        #[source]
        source: CertificateError,
    },
    #[error("Secret {secret} cannot be made")]
    Credentials {
        secret: &'static str,
        #[source]
        source: CredentialsError,
    },
}

impl PlanError {
    /// What a person is to do about it.
    pub(crate) fn remedy(&self, settings: &Settings) -> String {
        match self {
            Self::Incomplete { secret, .. }
            | Self::Unusable { secret, .. }
            | Self::Make { secret, .. }
            | Self::Credentials { secret, .. } => remedy::of_broken(secret, settings),
        }
    }
}

/// Compares what is wanted with what exists. No input or output, but for random numbers.
pub(super) fn plan(
    wanted: &[Wanted],
    existing: &BTreeMap<&'static str, Secret>,
    now: Timestamp,
) -> Result<Vec<Step>, PlanError> {
    steps(wanted, existing, now).map(|(_name, step)| step).collect()
}

/// One after the other, each by its name.
pub(super) fn steps<'a>(
    wanted: &'a [Wanted],
    existing: &'a BTreeMap<&'static str, Secret>,
    now: Timestamp,
) -> impl Iterator<Item = (&'static str, Result<Step, PlanError>)> {
    let mut planner = Planner { now, authorities: BTreeMap::new() };
    wanted.iter().map(move |wanted| (wanted.name, planner.step(wanted, existing.get(wanted.name))))
}

struct Planner {
    now: Timestamp,
    /// Those met so far, by their Secret's name.
    authorities: BTreeMap<&'static str, Authority>,
}

impl Planner {
    fn step(&mut self, wanted: &Wanted, existing: Option<&Secret>) -> Result<Step, PlanError> {
        let name = wanted.name;
        match &wanted.content {
            Content::Authority { common_name } => self.authority(name, common_name, existing),
            Content::Certificate(leaf) => self.certificate(name, leaf, existing),
            Content::HostKeys => once(name, HOST_KEYS, existing, credentials::host_keys),
            Content::Credentials(kind) => once(name, kind.keys(), existing, || kind.make()),
        }
    }

    fn authority(
        &mut self,
        name: &'static str,
        common_name: &str,
        existing: Option<&Secret>,
    ) -> Result<Step, PlanError> {
        let (pair, step) = match existing {
            Some(secret) => (pair(name, secret)?, kept(name)),
            None => {
                let pair = Authority::make(common_name, self.now)
                    .map_err(|source| PlanError::Make { secret: name, source })?;
                let secret = new_secret(name, "kubernetes.io/tls", entries(&pair, None));
                (pair, Step { name, outcome: Outcome::Created, secret: Some(secret) })
            }
        };
        let authority = Authority::read(&pair).map_err(|source| PlanError::Unusable { secret: name, source })?;
        self.authorities.insert(name, authority);
        Ok(step)
    }

    fn certificate(&self, name: &'static str, leaf: &Leaf, existing: Option<&Secret>) -> Result<Step, PlanError> {
        // The catalogue has every authority before what it signs; a test holds it to that.
        let Some(authority) = self.authorities.get(leaf.authority) else {
            return Err(PlanError::Incomplete { secret: leaf.authority, key: TLS_KEY });
        };
        let sign = || {
            let pair = authority.sign(leaf, self.now).map_err(|source| PlanError::Make { secret: name, source })?;
            Ok(entries(&pair, Some(authority)))
        };
        let Some(secret) = existing else {
            let secret = new_secret(name, "kubernetes.io/tls", sign()?);
            return Ok(Step { name, outcome: Outcome::Created, secret: Some(secret) });
        };
        let pair = pair(name, secret)?;
        let renew = authority
            .must_renew(&pair.certificate, leaf, self.now)
            .map_err(|source| PlanError::Unusable { secret: name, source })?;
        if !renew {
            return Ok(kept(name));
        }
        // The rest stays as it was read, the resource version with it: a change in between is a conflict.
        let secret = Secret { data: Some(data(sign()?)), ..secret.clone() };
        Ok(Step { name, outcome: Outcome::Renewed, secret: Some(secret) })
    }
}

/// What is made once and then only looked at.
fn once(
    name: &'static str,
    keys: &[&'static str],
    existing: Option<&Secret>,
    make: impl FnOnce() -> Result<Entries, CredentialsError>,
) -> Result<Step, PlanError> {
    if let Some(secret) = existing {
        for key in keys {
            text(name, secret, key)?;
        }
        return Ok(kept(name));
    }
    let entries = make().map_err(|source| PlanError::Credentials { secret: name, source })?;
    Ok(Step { name, outcome: Outcome::Created, secret: Some(new_secret(name, "Opaque", entries)) })
}

fn kept(name: &'static str) -> Step {
    Step { name, outcome: Outcome::Kept, secret: None }
}

fn pair(name: &'static str, secret: &Secret) -> Result<Pair, PlanError> {
    Ok(Pair { certificate: text(name, secret, TLS_CERTIFICATE)?, key: text(name, secret, TLS_KEY)? })
}

/// The text under a key. An empty one or one that is no text is as good as none.
fn text(name: &'static str, secret: &Secret, key: &'static str) -> Result<String, PlanError> {
    let value = secret.data.as_ref().and_then(|data| data.get(key));
    value
        .and_then(|value| String::from_utf8(value.0.clone()).ok())
        .filter(|text| !text.is_empty())
        .ok_or(PlanError::Incomplete { secret: name, key })
}

fn entries(pair: &Pair, authority: Option<&Authority>) -> Entries {
    let mut entries = Entries::from([(TLS_CERTIFICATE, pair.certificate.clone()), (TLS_KEY, pair.key.clone())]);
    if let Some(authority) = authority {
        entries.insert(TLS_AUTHORITY, authority.certificate().to_owned());
    }
    entries
}

fn data(entries: Entries) -> BTreeMap<String, ByteString> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), ByteString(value.into_bytes()))).collect()
}

fn new_secret(name: &str, kind: &str, entries: Entries) -> Secret {
    let labels = [("heritage", "deis"), ("app.kubernetes.io/managed-by", "deisctl")];
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()),
            ..ObjectMeta::default()
        },
        type_: Some(kind.to_owned()),
        data: Some(data(entries)),
        ..Secret::default()
    }
}
