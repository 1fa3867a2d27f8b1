use std::collections::BTreeMap;

use deis_api::{AppName, Code, CommitId, GitSha, ProcType, Username};
use uuid::Uuid;

use super::procfile::MissingProcfile;
use super::structure::structure;
use super::summary;
use crate::error::Error;
use crate::images::served;
use crate::ledger::releases::ConfigDraft;
use crate::ledger::{BuildDraft, BuildLog, Draft, Ground, Ledger, NewBuild, Released, RequestKey, Target};

/// An image that was built for an app.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// `127.0.0.1:5555/{app}@sha256:…`.
    pub image: String,
    /// The commit it was built from.
    pub sha: GitSha,
    /// Process type to command.
    pub procfile: BTreeMap<ProcType, String>,
    /// What people read meanwhile.
    pub log: BuildLog,
    /// Whether it may have no process types where the one before had some.
    pub missing_procfile: MissingProcfile,
}

/// Records a build and the release that has it.
///
/// # Errors
/// [`Error::Field`] for an image that is not the app's, or process types that no Procfile may declare; [`Error::Refused`] for a Procfile
/// that is missing.
pub async fn build(
    ledger: &dyn Ledger,
    user: &Username,
    app: &AppName,
    key: &RequestKey,
    request: BuildRequest,
) -> Result<Released, Error> {
    check_image(app, &request.image)?;
    check_procfile(&request.procfile)?;
    let user = user.clone();
    ledger.release(app, key, Target::None, Box::new(move |ground| draft(ground, user, request))).await
}

fn draft(ground: &Ground, user: Username, request: BuildRequest) -> Result<Draft, Error> {
    request.missing_procfile.check(ground, &request.procfile)?;
    let uuid = Uuid::new_v4();
    let sha = CommitId::from(request.sha);
    Ok(Draft {
        summary: summary::build(&user, Some(&sha), &request.image),
        summary_if_failed: summary::failed_build(&user, uuid),
        owner: user,
        config: ConfigDraft::Keep(ground.latest.config),
        structure: structure(ground, served(&request.procfile, false), false),
        build: BuildDraft::New(NewBuild {
            uuid,
            image: request.image,
            sha: Some(sha),
            procfile: request.procfile,
            dockerfile: String::new(),
            pulled: None,
            log: request.log,
        }),
    })
}

/// Only an app's own images can be its builds, by digest.
pub(super) fn check_image(app: &AppName, image: &str) -> Result<(), Error> {
    let repository = format!("{}/{app}@sha256:", deis_kube::objects::REGISTRY);
    let digest = image.strip_prefix(&repository);
    let is_digest = |text: &str| {
        text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    if digest.is_some_and(is_digest) {
        return Ok(());
    }
    Err(Error::field("image", format!("The image must be {repository} and a digest.")))
}

/// What a Procfile may declare.
pub(super) fn check_procfile(procfile: &BTreeMap<ProcType, String>) -> Result<(), Error> {
    for (kind, command) in procfile {
        // The command of the release phase stands among the processes, although it is none that is kept running.
        if kind.is_reserved() && *kind != ProcType::release() {
            let message =
                format!("The process type {kind} is the platform's own; choose another name in the Procfile.");
            return Err(Error::Field { field: "procfile", message, code: Code::SourceInvalid });
        }
        if command.trim().is_empty() {
            let message = "Command can't be empty for process type".to_owned();
            return Err(Error::Field { field: "procfile", message, code: Code::SourceInvalid });
        }
        if command.contains('\0') {
            let message = format!("The command of {kind} holds a NUL character, which no command can");
            return Err(Error::Field { field: "procfile", message, code: Code::SourceInvalid });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn procfile(kinds: &[&str]) -> BTreeMap<ProcType, String> {
        kinds.iter().map(|kind| (kind.parse().unwrap(), "run".to_owned())).collect()
    }

    #[test]
    fn only_the_apps_own_image_by_digest_and_real_processes() {
        let digest = "0".repeat(64);
        let refusal = |image: String, kinds: &[&str]| {
            let sha = "a".repeat(40).parse().unwrap();
            let (log, missing_procfile) = Default::default();
            let request = BuildRequest { image, sha, procfile: procfile(kinds), log, missing_procfile };
            let checked = check_image(&"shop".parse().unwrap(), &request.image);
            checked.and_then(|()| check_procfile(&request.procfile)).map_err(|error| error.to_string())
        };
        assert_eq!(refusal(format!("127.0.0.1:5555/shop@sha256:{digest}"), &["web"]), Ok(()));
        for image in [
            format!("127.0.0.1:5555/shop-internal@sha256:{digest}"),
            "127.0.0.1:5555/shop:latest".to_owned(),
            format!("127.0.0.1:5555/shop@sha256:{digest}0"),
            format!("docker.io/shop@sha256:{digest}"),
        ] {
            assert!(refusal(image.clone(), &["web"]).is_err(), "{image}");
        }
        assert!(refusal(format!("127.0.0.1:5555/shop@sha256:{digest}"), &["build"]).is_err());
        assert!(refusal(format!("127.0.0.1:5555/shop@sha256:{digest}"), &["web", "release"]).is_ok());
    }
}
