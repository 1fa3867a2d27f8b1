use std::collections::BTreeMap;

use deis_integration::agreement::Acknowledged;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::Resource;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt as _};
use parking_lot::Mutex;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::witness::Witness;

/// The namespace of the platform's own parts.
pub(super) const NAMESPACE: &str = "deis";

/// The machine's own address on the link to the node: pods can reach it.
pub(crate) const MACHINE: &str = "198.18.0.1";

/// Tests run side by side, but for those that break the platform on purpose.
static PLATFORM: RwLock<()> = RwLock::const_new(());

/// The platform that the tests run against. A test ends with the question whether everybody agrees about its apps.
pub(crate) struct Platform {
    pub(crate) client: Client,
    pub(crate) domain: String,
    /// The test's apps, and what it was told of them.
    apps: Mutex<BTreeMap<String, Acknowledged>>,
    _turn: Turn,
}

/// Held for as long as a test runs.
enum Turn {
    Shared { _guard: RwLockReadGuard<'static, ()> },
    Alone { _guard: RwLockWriteGuard<'static, ()> },
}

impl Platform {
    /// The platform that `make test` has installed, beside other tests.
    pub(crate) async fn connect() -> Self {
        Self::with(Turn::Shared { _guard: PLATFORM.read().await }).await
    }

    /// The platform for a test that breaks it: no other test runs meanwhile.
    pub(crate) async fn connect_alone() -> Self {
        Self::with(Turn::Alone { _guard: PLATFORM.write().await }).await
    }

    async fn with(turn: Turn) -> Self {
        let Witness { client, domain, .. } = Witness::connect().await;
        Self { client, domain, apps: Mutex::default(), _turn: turn }
    }

    /// Has the test's end ask about an app, or notes what the test was told of one.
    pub(crate) fn acknowledged(&self, app: &str, note: impl FnOnce(&mut Acknowledged)) {
        note(self.apps.lock().entry(app.to_owned()).or_default());
    }

    /// Waits until everybody agrees about the test's apps.
    pub(crate) async fn agree(&self) {
        let witness = Witness::new(self.client.clone(), self.domain.clone());
        let apps = self.apps.lock().clone();
        for (app, acknowledged) in apps {
            witness.agree(&app, &acknowledged).await;
        }
    }

    /// Objects of one kind in an app's namespace.
    pub(crate) fn objects<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Resource,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Objects of one kind of the platform itself.
    pub(crate) fn own<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Resource,
    {
        self.objects(NAMESPACE)
    }

    /// The names of all objects of one kind in a namespace, ordered.
    pub(crate) async fn names<K>(&self, namespace: &str) -> Vec<String>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Resource
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        let list = self.objects::<K>(namespace).list(&ListParams::default()).await.unwrap();
        let mut names = list.iter().map(|object| object.name_any()).collect::<Vec<_>>();
        names.sort();
        names
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let apps = std::mem::take(self.apps.get_mut());
        if std::thread::panicking() || apps.is_empty() {
            return;
        }
        // The test's own runtime stands still while this waits.
        let ask = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let witness = Witness::connect().await;
                for (app, acknowledged) in apps {
                    witness.agree(&app, &acknowledged).await;
                }
            });
        };
        #[expect(clippy::disallowed_methods, reason = "a test has no process around it")]
        let asked = std::thread::spawn(ask).join();
        if let Err(disagreement) = asked {
            std::panic::resume_unwind(disagreement);
        }
    }
}
