//! What git would find too late: it asks whether a ref may move before it looks whether it can.

use crate::Error;
use crate::git::{Quarantine, Repository, Update};

const MOVED: &str = "The branch is not where this push expects it. Push again.";

const TAG: &str =
    "This is a tag and not a commit. To deploy the commit that it names: git push deis TAG^{}:refs/heads/master";

const NO_COMMIT: &str = "Only a commit can be deployed.";

const SHALLOW: &str = "This commit is here without all that it comes from. In a shallow clone, run git fetch --unshallow; then push again.";

/// Whether git can move the ref once the commit is deployed, as far as can be known.
pub(super) async fn check(repository: &Repository, update: &Update, quarantine: &Quarantine) -> Result<(), Error> {
    let broken = || Error::io("read the commit");
    if !repository.is_at(&update.name, &update.old).await.map_err(broken())? {
        return Err(Error::Ref(MOVED.to_owned()));
    }
    match repository.kind(&update.new, quarantine).await.map_err(broken())?.as_str() {
        "commit" => {}
        "tag" => return Err(Error::Ref(TAG.to_owned())),
        _ => return Err(Error::Ref(NO_COMMIT.to_owned())),
    }
    if !repository.has_history(&update.new, quarantine).await.map_err(broken())? {
        return Err(Error::Ref(SHALLOW.to_owned()));
    }
    Ok(())
}
