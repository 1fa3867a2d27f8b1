use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::Resource;
use kube::api::{Api, ListParams};
use kube::{Client, Config, ResourceExt as _};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The namespace of the platform's own parts.
const NAMESPACE: &str = "deis";

/// The machine's own address on the link to the node: pods can reach it.
pub(crate) const MACHINE: &str = "198.18.0.1";

/// Tests run side by side, but for those that break the platform on purpose.
static PLATFORM: RwLock<()> = RwLock::const_new(());

/// The platform that the tests run against.
pub(crate) struct Platform {
    pub(crate) client: Client,
    pub(crate) domain: String,
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
        // An error means that another test has installed it.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        assert!(std::env::var_os("KUBECONFIG").is_some(), "these tests need an installed platform: run `make test`");
        let config = Config::infer().await.unwrap();
        let client = Client::try_from(config).unwrap();
        let domain = std::env::var("DEIS_DOMAIN").unwrap_or_else(|_absent| "apps.localhost".to_owned());
        Self { client, domain, _turn: turn }
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
