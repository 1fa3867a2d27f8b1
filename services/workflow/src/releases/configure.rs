use deis_api::{AppName, Code, Username};

use super::summary;
use crate::configs::{Patch, tags};
use crate::deploy::Cluster;
use crate::error::Error;
use crate::images;
use crate::ledger::releases::ConfigDraft;
use crate::ledger::{BuildDraft, Draft, Ground, Ledger, Released, RequestKey, Target};

/// Changes an app's config: a release with a new config and the build before.
///
/// # Errors
/// What [`crate::configs::Settings::merged`] says, and refusals when nothing would change or no node has the tags.
pub async fn configure(
    ledger: &dyn Ledger,
    cluster: &dyn Cluster,
    user: &Username,
    app: &AppName,
    key: &RequestKey,
    patch: Patch,
) -> Result<Released, Error> {
    if patch.tags.values().any(Option::is_some) {
        // A repeat was let through when it came first: it does not matter what nodes there are by now.
        if let Some(released) = ledger.made_by(app, key).await? {
            return Ok(released);
        }
        find_node(ledger, cluster, app, patch.clone()).await?;
    }
    let user = user.clone();
    ledger.release(app, key, Target::None, Box::new(move |ground| draft(ground, user, patch))).await
}

/// Some node must have all tags that the app would have. Nodes come and go: this is for the user, the scheduler decides.
async fn find_node(ledger: &dyn Ledger, cluster: &dyn Cluster, app: &AppName, patch: Patch) -> Result<(), Error> {
    let before = ledger.ground(app).await?.config.settings;
    // What cannot be merged is refused when it is tried, unless it is the repeat of what was done already.
    let Ok(after) = before.merged(patch) else { return Ok(()) };
    if cluster.has_node(&after.shape.tags).await? {
        return Ok(());
    }
    Err(tags::no_node(&before.shape.tags, &after.shape.tags))
}

fn draft(ground: &Ground, user: Username, patch: Patch) -> Result<Draft, Error> {
    let settings = ground.config.settings.merged(patch)?;
    if let Some(build) = &ground.build
        && let Some(pulled) = &build.pulled
    {
        // An image that names no port goes on only with the port that it is given.
        images::first(&settings, &build.procfile, pulled)?;
    }
    let Some(summary) = ground.config.settings.summary(&settings, &user) else {
        let message = format!("{user} changed nothing - release stopped");
        return Err(Error::refused(Code::NothingChanged, message));
    };
    Ok(Draft {
        summary,
        summary_if_failed: summary::failed_config(&user),
        owner: user,
        config: ConfigDraft::New(Box::new(settings)),
        build: BuildDraft::Keep(ground.latest.build),
        structure: ground.app.structure.clone(),
    })
}
