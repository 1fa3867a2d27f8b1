use std::collections::BTreeMap;

use deis_api::{AppName, Code, CommitId, ProcType, Username};
use parking_lot::Mutex;
use uuid::Uuid;

use super::build::{check_image, check_procfile};
use super::procfile::MissingProcfile;
use super::root::check_root;
use super::structure::structure;
use super::{in_turn, summary};
use crate::builds::Builder;
use crate::deploy::Deployer;
use crate::error::Error;
use crate::images::{self, Copied, Order};
use crate::ledger::releases::ConfigDraft;
use crate::ledger::{BuildDraft, Draft, Ground, Ledger, NewBuild, Released, RequestKey, Target};

/// An image that was built elsewhere and is to run as an app.
#[derive(Clone, Debug)]
pub struct PullRequest {
    /// As the user wrote it.
    pub image: String,
    /// Process type to command; may be empty.
    pub procfile: BTreeMap<ProcType, String>,
    /// The commit it was built from, as far as whoever built it says so.
    pub sha: Option<CommitId>,
    /// Likewise: empty unless it was built from a Dockerfile.
    pub dockerfile: String,
    /// Whether it may be empty where the build before had process types.
    pub missing_procfile: MissingProcfile,
}

/// Copies an image to the platform's registry and records it as a build with the release that has it. What cannot run is refused
/// before there is a release.
///
/// # Errors
/// [`Error::Field`] for process types that cannot be, [`Error::Refused`] for what the builder refuses, half a login, a port that
/// nobody names and a Procfile that is missing.
pub async fn pull(
    ledger: &dyn Ledger,
    deployer: &Deployer,
    builder: &dyn Builder,
    user: &Username,
    app: &AppName,
    key: &RequestKey,
    request: PullRequest,
) -> Result<Released, Error> {
    check_procfile(&request.procfile)?;
    // A repeat does not copy the image once more.
    if let Some(released) = ledger.made_by(app, key).await? {
        return Ok(released);
    }
    let ground = ledger.ground(app).await?;
    ground.app.check_stays()?;
    // Before the image is copied, and again when it is there.
    request.missing_procfile.check(&ground, &request.procfile)?;
    let credentials = images::credentials(&ground.config.settings, &request.image)?;
    let steps = Mutex::new(format!("-----> Pulling {}\n", request.image));
    let step = |text: String| {
        tracing::debug!(%app, step = text, "an image is pulled");
        let mut steps = steps.lock();
        steps.push_str(&text);
        steps.push('\n');
    };
    let order = Order { app, image: &request.image, allow_root: ground.app.allow_root, credentials };
    let copied = match builder.pull(order, &step).await {
        Ok(copied) => copied,
        Err(error) => {
            deployer.events().record(app, "pull-failed", format!("{error} ({})", error.code()));
            return Err(error);
        }
    };
    check_image(app, &copied.image)?;
    step(format!("{} is here as {}", request.image, copied.image));
    let log = steps.into_inner();
    in_turn(deployer, app, || {
        let (user, request, copied, log) = (user.clone(), request.clone(), copied.clone(), log.clone());
        let decide = Box::new(move |ground: &Ground| draft(ground, user, request, copied, log));
        ledger.release(app, key, Target::None, decide)
    })
    .await
}

fn draft(ground: &Ground, user: Username, request: PullRequest, copied: Copied, log: String) -> Result<Draft, Error> {
    let Copied { image, pulled } = copied;
    check_root(ground, Some(&pulled))?;
    request.missing_procfile.check(ground, &request.procfile)?;
    // The config may have changed while the image was copied.
    let first = images::first(&ground.config.settings, &request.procfile, &pulled)?;
    if pulled.entrypoint.is_empty() && pulled.command.is_empty() && first == Some(ProcType::cmd()) {
        let message =
            format!("{} does not say what it runs. Name a process in a Procfile: web: ./serve", request.image);
        return Err(Error::refused(Code::FailedPrecondition, message));
    }
    let uuid = Uuid::new_v4();
    Ok(Draft {
        summary: summary::build(&user, request.sha.as_ref(), &request.image),
        summary_if_failed: summary::failed_build(&user, uuid),
        owner: user,
        config: ConfigDraft::Keep(ground.latest.config),
        structure: structure(ground, first, true),
        build: BuildDraft::New(NewBuild {
            uuid,
            image,
            sha: request.sha,
            procfile: request.procfile,
            dockerfile: request.dockerfile,
            pulled: Some(pulled),
            log: log.into(),
        }),
    })
}
