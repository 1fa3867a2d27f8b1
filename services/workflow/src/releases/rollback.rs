use deis_api::{AppName, Code, ReleaseVersion, Username};

use super::root::check_root;
use super::structure::structure;
use super::summary;
use crate::error::Error;
use crate::ledger::releases::ConfigDraft;
use crate::ledger::{BuildDraft, Draft, Ground, Ledger, ReleaseState, Released, RequestKey, Structure, Target};

/// Makes a new release with the build and config of an earlier one; without a version, of the one before the latest good one.
///
/// # Errors
/// [`Error::Refused`] for versions that cannot be gone back to.
pub async fn rollback(
    ledger: &dyn Ledger,
    user: &Username,
    app: &AppName,
    key: &RequestKey,
    version: Option<i64>,
) -> Result<Released, Error> {
    let target = match version {
        None => Target::Previous,
        Some(version) => {
            let version = ReleaseVersion::try_from(version);
            Target::Version(version.map_err(|error| refused(&error.to_string()))?)
        }
    };
    let user = user.clone();
    ledger.release(app, key, target, Box::new(move |ground| draft(ground, user, target))).await
}

fn draft(ground: &Ground, user: Username, target: Target) -> Result<Draft, Error> {
    let Some(release) = &ground.target else {
        let before_the_first = target == Target::Previous && ground.latest.version == ReleaseVersion::FIRST;
        let message =
            if before_the_first { "version cannot be below 0" } else { "Release matching query does not exist." };
        return Err(refused(message));
    };
    if release.version == ReleaseVersion::FIRST {
        return Err(refused("Cannot roll back to initial release."));
    }
    if release.state == ReleaseState::Failed {
        return Err(refused("Cannot roll back to failed release."));
    }
    // Config was set before the first push: going back there would end the processes that serve.
    if release.build.is_none() && ground.latest.build.is_some() {
        let version = release.version;
        return Err(refused(&format!("Cannot roll back to {version}: it has no build, so nothing would run.")));
    }
    check_root(ground, ground.target_build.as_ref().and_then(|build| build.pulled.as_ref()))?;
    Ok(Draft {
        summary: summary::rollback(&user, release.version),
        summary_if_failed: summary::failed_rollback(&ground.app.owner),
        owner: user,
        config: ConfigDraft::Keep(release.config),
        build: BuildDraft::Keep(release.build),
        structure: structure_of(ground),
    })
}

/// A build from elsewhere has other process types than one from here.
fn structure_of(ground: &Ground) -> Structure {
    let Some(build) = &ground.target_build else { return ground.app.structure.clone() };
    structure(ground, build.served(), build.pulled.is_some())
}

fn refused(message: &str) -> Error {
    Error::refused(Code::FailedPrecondition, message)
}
