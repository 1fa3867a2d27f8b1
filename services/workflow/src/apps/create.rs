use std::collections::BTreeSet;
use std::sync::Arc;

use deis_api::{AppName, Code, Hostname};
use deis_kube::objects::Routing;

use super::name;
use crate::acting::Acting;
use crate::deploy::Cluster;
use crate::error::Error;
use crate::ledger::{App, Ledger, NewApp, Structure, User};
use crate::releases::summary;

/// How many random names are tried.
const TRIES: usize = 20;

/// Names that no app may have: those of the platform.
#[derive(Clone, Debug, Default)]
pub struct ReservedNames(Arc<BTreeSet<String>>);

impl FromIterator<String> for ReservedNames {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self(Arc::new(names.into_iter().collect()))
    }
}

impl ReservedNames {
    /// Whether the platform keeps this name for itself.
    #[must_use]
    pub fn contain(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    fn check(&self, id: &AppName) -> Result<(), Error> {
        // Kubernetes' own namespaces too.
        let reserved = self.contain(id.as_str()) || id.as_str().starts_with("kube-") || id.as_str() == "default";
        if reserved { Err(Error::field("id", format!("{id} is a reserved name."))) } else { Ok(()) }
    }
}

/// Creates an app with its namespace and Service; without a name it gets a random one.
///
/// # Errors
/// [`Error::Field`] for a name that is taken or reserved, [`Error::Refused`] when Kubernetes does not take it: then there is no app.
pub async fn create(
    ledger: &dyn Ledger,
    cluster: &dyn Cluster,
    reserved: &ReservedNames,
    owner: &User,
    id: Option<AppName>,
    structure: Structure,
) -> Result<App, Error> {
    let app = match id {
        Some(id) => {
            reserved.check(&id)?;
            insert(ledger, cluster, owner, id, structure).await?
        }
        None => insert_random(ledger, cluster, reserved, owner, structure).await?,
    };
    let routing = Routing { domains: [Hostname::from(&app.id)].into(), ..Routing::default() };
    if let Err(error) = cluster.furnish(&app.id, &routing, app.allow_root, 0).await {
        // Nothing is left of an app that was refused.
        ledger.delete_app(&app.id).await?;
        tracing::error!(app = %app.id, %error, "an app was refused by Kubernetes");
        return Err(Error::refused(Code::Unavailable, "Kubernetes resources could not be created"));
    }
    Ok(app)
}

async fn insert(
    ledger: &dyn Ledger,
    cluster: &dyn Cluster,
    owner: &User,
    id: AppName,
    structure: Structure,
) -> Result<App, Error> {
    if cluster.has_foreign_namespace(&id).await? {
        let message = format!("{id} already exists as a namespace in this kuberenetes setup");
        return Err(Error::refused(Code::AlreadyExists, message));
    }
    Acting::refer_to(&["apps", id.as_str()]);
    let summary = summary::initial(&owner.username);
    ledger.create_app(NewApp { id, owner: owner.username.clone(), structure, summary }).await
}

async fn insert_random(
    ledger: &dyn Ledger,
    cluster: &dyn Cluster,
    reserved: &ReservedNames,
    owner: &User,
    structure: Structure,
) -> Result<App, Error> {
    for _ in 0..TRIES {
        let Some(id) = name::random().filter(|id| reserved.check(id).is_ok()) else { continue };
        match insert(ledger, cluster, owner, id, structure.clone()).await {
            Err(error) if error.code() == Code::AlreadyExists => {}
            other => return other,
        }
    }
    Err(Error::refused(Code::LimitReached, "No free name was found; choose one yourself."))
}
