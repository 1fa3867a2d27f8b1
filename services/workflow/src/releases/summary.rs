//! What changed, in one line for people. The texts are the original's: scripts match on them.

use deis_api::{CommitId, ReleaseVersion, Username};
use uuid::Uuid;

/// Release v1.
#[must_use]
pub fn initial(owner: &Username) -> String {
    format!("{owner} created initial release")
}

/// A build, of a commit or of an image from elsewhere.
#[must_use]
pub fn build(user: &Username, sha: Option<&CommitId>, image: &str) -> String {
    format!("{user} deployed {}", sha.map_or(image, CommitId::short))
}

/// A build whose deploy failed.
#[must_use]
pub fn failed_build(user: &Username, build: Uuid) -> String {
    let id = build.simple().to_string();
    format!("{user} deployed {} which failed", id.get(..7).unwrap_or(&id))
}

/// A config whose deploy failed.
#[must_use]
pub fn failed_config(user: &Username) -> String {
    format!("{user} deployed a config that failed")
}

/// A rollback.
#[must_use]
pub fn rollback(user: &Username, to: ReleaseVersion) -> String {
    format!("{user} rolled back to {to}")
}

/// A rollback whose deploy failed.
#[must_use]
pub fn failed_rollback(owner: &Username) -> String {
    format!("{owner} performed roll back to a release that failed")
}
