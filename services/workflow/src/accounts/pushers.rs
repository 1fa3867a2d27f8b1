//! Who may push, for builders that ask: by SSH key, and by app.

use std::collections::BTreeMap;

use deis_api::{AppName, Username};

use crate::access::{Actor, Object, Verb, authorise};
use crate::error::{Error, Kind};
use crate::ledger::{Key, Ledger, User, Window};

/// A list as a whole.
const ALL: Window = Window { limit: i64::MAX, offset: 0 };

/// Whose key it is, and the apps that he may push to: nobody learns of others from it.
///
/// # Errors
/// [`Error::Missing`] for a key that nobody has added, or of somebody who may not log in.
pub async fn pusher(ledger: &dyn Ledger, fingerprint: &str) -> Result<(Username, Vec<AppName>), Error> {
    let owner = ledger.owner_of_fingerprint(fingerprint).await?.ok_or(Error::Missing(Kind::Key))?;
    let (user, _password) = ledger.user(&owner).await?.ok_or(Error::Missing(Kind::Key))?;
    let apps = ledger.apps((!user.is_superuser).then_some(&owner), ALL).await?.items;
    authorise(&Actor::User(user), Verb::Change, Object::Apps)?;
    Ok((owner, apps.into_iter().filter(|app| !app.is_going).map(|app| app.id).collect()))
}

/// The keys of those whom an app is shared with, also of who has none.
///
/// # Errors
/// [`Error::Missing`] for an app that is not there.
pub async fn keys_of_collaborators(ledger: &dyn Ledger, app: &AppName) -> Result<BTreeMap<Username, Vec<Key>>, Error> {
    let app = ledger.app(app).await?.ok_or(Error::Missing(Kind::App))?;
    let mut all = BTreeMap::new();
    for username in &app.collaborators {
        let Some((user, _password)) = ledger.user(username).await? else { continue };
        if authorise(&Actor::User(user), Verb::Change, Object::App(&app)).is_ok() {
            all.insert(username.clone(), ledger.keys(username, ALL).await?.items);
        }
    }
    Ok(all)
}

/// The keys of one user of an app.
///
/// # Errors
/// [`Error::Missing`] when he has none.
pub async fn keys_of(ledger: &dyn Ledger, user: &User) -> Result<Vec<Key>, Error> {
    let keys = ledger.keys(&user.username, ALL).await?.items;
    if keys.is_empty() { Err(Error::Missing(Kind::Key)) } else { Ok(keys) }
}
