use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt as _};

use crate::cluster::KubeError;

/// Whether a write found the world as it was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Written {
    Done,
    Conflict,
}

/// Where Secrets are kept: every effect of `init` on the world.
pub(crate) trait Store {
    async fn read(&self, name: &'static str) -> Result<Option<Secret>, StoreError>;
    /// A Secret of that name that exists by now is a conflict.
    async fn create(&self, secret: &Secret) -> Result<Written, StoreError>;
    /// Another resource version, or none any more, is a conflict.
    async fn replace(&self, secret: &Secret) -> Result<Written, StoreError>;
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("cannot read Secret {0}")]
    Read(&'static str, #[source] KubeError),
    #[error("cannot write Secret {0}")]
    Write(String, #[source] KubeError),
}

/// The Secrets of one namespace.
pub(crate) struct KubeStore {
    secrets: Api<Secret>,
}

impl KubeStore {
    pub(crate) fn new(client: Client, namespace: &str) -> Self {
        Self { secrets: Api::namespaced(client, namespace) }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the Effects of init")]
impl Store for KubeStore {
    async fn read(&self, name: &'static str) -> Result<Option<Secret>, StoreError> {
        self.secrets.get_opt(name).await.map_err(|error| StoreError::Read(name, error.into()))
    }

    async fn create(&self, secret: &Secret) -> Result<Written, StoreError> {
        match self.secrets.create(&PostParams::default(), secret).await {
            Ok(_) => Ok(Written::Done),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(Written::Conflict),
            Err(error) => Err(StoreError::Write(secret.name_any(), error.into())),
        }
    }

    async fn replace(&self, secret: &Secret) -> Result<Written, StoreError> {
        match self.secrets.replace(&secret.name_any(), &PostParams::default(), secret).await {
            Ok(_) => Ok(Written::Done),
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => Ok(Written::Conflict),
            Err(error) => Err(StoreError::Write(secret.name_any(), error.into())),
        }
    }
}

#[cfg(test)]
pub(super) mod memory {
    use std::collections::BTreeMap;

    use parking_lot::Mutex;

    use super::*;

    /// Behaves as the API server does; yields before each write, so that two runs meet.
    #[derive(Default)]
    pub(in crate::init) struct MemoryStore {
        secrets: Mutex<BTreeMap<String, Secret>>,
    }

    impl MemoryStore {
        pub(in crate::init) fn all(&self) -> BTreeMap<String, Secret> {
            self.secrets.lock().clone()
        }

        pub(in crate::init) fn get(&self, name: &str) -> Option<Secret> {
            self.secrets.lock().get(name).cloned()
        }

        pub(in crate::init) fn put(&self, mut secret: Secret) {
            let mut secrets = self.secrets.lock();
            let version = secrets.get(&secret.name_any()).and_then(version).unwrap_or(0) + 1;
            secret.metadata.resource_version = Some(version.to_string());
            secrets.insert(secret.name_any(), secret);
        }

        pub(in crate::init) fn remove(&self, name: &str) {
            self.secrets.lock().remove(name);
        }
    }

    fn version(secret: &Secret) -> Option<u64> {
        secret.metadata.resource_version.as_ref()?.parse().ok()
    }

    impl Store for MemoryStore {
        async fn read(&self, name: &'static str) -> Result<Option<Secret>, StoreError> {
            Ok(self.get(name))
        }

        async fn create(&self, secret: &Secret) -> Result<Written, StoreError> {
            tokio::task::yield_now().await;
            if self.get(&secret.name_any()).is_some() {
                return Ok(Written::Conflict);
            }
            self.put(secret.clone());
            Ok(Written::Done)
        }

        async fn replace(&self, secret: &Secret) -> Result<Written, StoreError> {
            tokio::task::yield_now().await;
            if self.get(&secret.name_any()).as_ref().and_then(version) != version(secret) {
                return Ok(Written::Conflict);
            }
            self.put(secret.clone());
            Ok(Written::Done)
        }
    }
}
