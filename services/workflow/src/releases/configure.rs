use deis_api::{AppName, Code, Username};

use super::summary;
use crate::error::Error;
use crate::ledger::releases::ConfigDraft;
use crate::ledger::{BuildDraft, Draft, Ground, Ledger, Released, RequestKey, Target};
use crate::variables::{self, Patch};

/// Changes an app's variables: a release with a new config and the build before.
///
/// # Errors
/// What [`variables::merge`] says, and a refusal when nothing would change.
pub async fn configure(
    ledger: &dyn Ledger,
    user: &Username,
    app: &AppName,
    key: &RequestKey,
    patch: Patch,
) -> Result<Released, Error> {
    let user = user.clone();
    ledger.release(app, key, Target::None, Box::new(move |ground| draft(ground, user, patch))).await
}

fn draft(ground: &Ground, user: Username, patch: Patch) -> Result<Draft, Error> {
    let (values, difference) = variables::merge(&ground.config.values, patch)?;
    if difference.is_empty() {
        let message = format!("{user} changed nothing - release stopped");
        return Err(Error::refused(Code::NothingChanged, message));
    }
    Ok(Draft {
        summary: difference.summary(&user),
        summary_if_failed: summary::failed_config(&user),
        owner: user,
        config: ConfigDraft::New(values),
        build: BuildDraft::Keep(ground.latest.build),
        structure: ground.app.structure.clone(),
    })
}
