//! Apps: creating and destroying them, scaling and restarting them, naming their domains, showing their pods, explaining how they are.

mod create;
mod destroy;
mod domains;
mod explain;
mod name;
mod pods;
mod restart;
mod root;
mod scale;
mod settings;

pub use create::{ReservedNames, create};
pub use destroy::{destroy, destroyed};
pub use domains::{add_domain, parse_domain, remove_domain};
pub use explain::{Explanation, Facts, Problem, State, explain, explained};
pub use pods::pod_views;
pub use restart::{Restart, Selection, restart, restarted};
pub use root::{allow_root, forbid_root};
pub use scale::{Scaled, scale, scaled};
pub use settings::{Addresses, SettingsPatch, TOO_FEW, addresses, change_settings};

use std::time::Duration;

use deis_api::{AppName, Username};
use deis_bootstrap::deadline;

use crate::access::{Actor, Object, Verb, authorise};
use crate::deploy::Deployer;
use crate::error::{Error, Kind};
use crate::ledger::{App, Ledger, User};

/// How long the app's namespace and Service are waited for; only a deploy that is under way takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// An app that the actor may do this with, and who he is.
///
/// # Errors
/// [`Error::Missing`] and what [`authorise`] says, and a refusal to change an app that is being destroyed; nobody without credentials learns which apps there are.
pub async fn find<'a>(
    ledger: &dyn Ledger,
    actor: &'a Actor,
    verb: Verb,
    id: &AppName,
) -> Result<(&'a User, App), Error> {
    authorise(actor, verb, Object::Apps)?;
    let app = ledger.app(id).await?.ok_or(Error::Missing(Kind::App))?;
    let user = authorise(actor, verb, Object::App(&app))?;
    if verb == Verb::Change {
        app.check_stays()?;
    }
    Ok((user, app))
}

/// As [`find`], for a user in whose name somebody else comes: the platform's builder, or one that an operator trusts.
///
/// # Errors
/// As [`find`], and [`Error::Missing`] for a user who is not there.
pub async fn find_for(
    ledger: &dyn Ledger,
    username: &Username,
    verb: Verb,
    app: &AppName,
) -> Result<(User, App), Error> {
    let (user, _password) = ledger.user(username).await?.ok_or(Error::Missing(Kind::User))?;
    let actor = Actor::User(user);
    let (user, app) = find(ledger, &actor, verb, app).await?;
    Ok((user.clone(), app))
}

/// Tells the app's log of a change that makes no release, and brings it to the app's namespace and Service. What is in the
/// ledger comes about although Kubernetes cannot be reached now: the keeper sees to it.
pub(crate) async fn tell(deployer: &Deployer, app: &AppName, kind: &'static str, what: &str) {
    tracing::info!(%app, kind, what, "changed");
    deployer.events().record(app, kind, what.to_owned());
    match deadline(PATIENCE, deployer.converge(app).ended()).await {
        Ok(Ok(_ending)) => {}
        Ok(Err(error)) => tracing::warn!(%app, what, %error, "the cluster hears of a change later"),
        Err(_late) => tracing::info!(%app, what, "a deploy under way tells the cluster of a change"),
    }
}
