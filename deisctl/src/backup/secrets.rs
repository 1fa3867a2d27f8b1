//! The Secrets by which others know the platform: its authority, its certificate, its SSH host keys, the first administrator, and the
//! key that the apps' pull credentials come from.
//!
//! The others are not kept: each install has its own, nobody outside sees them, and the passwords of the data stores are part of
//! their volumes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt as _};

use crate::cluster::KubeError;
use crate::init::{self, InitError, KubeStore, Settings};

/// Of the catalogue of `deisctl init`.
const IDENTITY: [&str; 5] =
    ["deis-ca", "deis-router-platform-cert", "deis-builder-host-keys", "deis-pull-key", "deis-admin"];

#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretsError {
    #[error("cannot read Secret {0}")]
    Read(String, #[source] KubeError),
    #[error("Secret {0} does not exist")]
    Missing(&'static str),
    #[error("cannot write Secret {0}")]
    Write(String, #[source] KubeError),
    #[error("the backup has a Secret {0}, which is none of the platform's")]
    Foreign(String),
    #[error("cannot renew the services' certificates")]
    Renew(#[from] InitError),
}

/// Those that make up the platform's identity, without what a cluster adds to them.
pub(crate) async fn read(client: &Client, namespace: &str) -> Result<Vec<Secret>, SecretsError> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let mut found = Vec::new();
    for name in IDENTITY {
        let secret = secrets.get_opt(name).await.map_err(|error| SecretsError::Read(name.to_owned(), error.into()))?;
        let secret = secret.ok_or(SecretsError::Missing(name))?;
        let metadata =
            ObjectMeta { name: Some(name.to_owned()), labels: secret.metadata.labels, ..ObjectMeta::default() };
        found.push(Secret { metadata, type_: secret.type_, data: secret.data, ..Secret::default() });
    }
    Ok(found)
}

/// Puts them back and has the authority sign the services' certificates anew. Says whether anything is another one now.
#[expect(clippy::disallowed_methods, reason = "the operator's own writing; no deploy holds a fence on the platform")]
pub(crate) async fn put_back(
    backup: Vec<Secret>,
    client: &Client,
    settings: &Settings,
    now: Timestamp,
) -> Result<bool, SecretsError> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &settings.namespace);
    let mut changed = false;
    for mut secret in backup {
        let name = secret.name_any();
        if !IDENTITY.contains(&name.as_str()) {
            return Err(SecretsError::Foreign(name));
        }
        let found = secrets.get_opt(&name).await.map_err(|error| SecretsError::Read(name.clone(), error.into()))?;
        let written = match found {
            Some(found) if content(&found) == content(&secret) => continue,
            Some(found) => {
                secret.metadata.resource_version = found.metadata.resource_version;
                secrets.replace(&name, &PostParams::default(), &secret).await
            }
            None => secrets.create(&PostParams::default(), &secret).await,
        };
        written.map_err(|error| SecretsError::Write(name, error.into()))?;
        changed = true;
    }
    init::run(&KubeStore::new(client.clone(), &settings.namespace), settings, now).await?;
    Ok(changed)
}

fn content(secret: &Secret) -> Option<&BTreeMap<String, ByteString>> {
    secret.data.as_ref()
}
