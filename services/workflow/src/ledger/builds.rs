use std::collections::BTreeMap;

use deis_api::{AppName, Code, CommitId, GitSha, ProcType, Username};
use jiff::Timestamp;
use uuid::Uuid;

use super::{Answer, Listed, RequestKey, Window};
use crate::images::Pulled;

/// How a build ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildState {
    /// There is an image.
    Succeeded,
    /// There is none.
    Failed,
    /// Somebody ended it before there was one.
    Cancelled,
}

impl BuildState {
    /// As it stands in the ledger and in the REST contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// An image with its process types, or what came instead; never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Its identity.
    pub uuid: Uuid,
    /// Who made it.
    pub owner: Username,
    /// How it ended.
    pub state: BuildState,
    /// Why there is no image.
    pub failure: Option<(Code, String)>,
    /// `127.0.0.1:5555/{app}@sha256:…`; empty when there is none.
    pub image: String,
    /// The commit it was built from; `None` where nobody has named one.
    pub sha: Option<CommitId>,
    /// Process type to command.
    pub procfile: BTreeMap<ProcType, String>,
    /// Empty unless it was built from a Dockerfile.
    pub dockerfile: String,
    /// What an image says about itself that came from elsewhere.
    pub pulled: Option<Pulled>,
    /// When it was made.
    pub created: Timestamp,
}

/// A build to be recorded.
#[derive(Clone, Debug)]
pub struct NewBuild {
    /// Its identity, chosen by whoever records it.
    pub uuid: Uuid,
    /// `127.0.0.1:5555/{app}@sha256:…`.
    pub image: String,
    /// The commit it was built from.
    pub sha: Option<CommitId>,
    /// Process type to command.
    pub procfile: BTreeMap<ProcType, String>,
    /// Empty unless it was built from a Dockerfile.
    pub dockerfile: String,
    /// What an image says about itself that came from elsewhere.
    pub pulled: Option<Pulled>,
    /// What people read meanwhile.
    pub log: BuildLog,
}

/// A build without an image to be recorded.
#[derive(Clone, Debug)]
pub struct FailedBuild {
    /// Who pushed.
    pub owner: Username,
    /// The commit.
    pub sha: GitSha,
    /// Why there is no image.
    pub failure: (Code, String),
    /// What people read meanwhile.
    pub log: BuildLog,
}

/// What people read while it was built: lines, bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildLog(String);

impl BuildLog {
    /// The most that is kept of one, in bytes.
    const MAX_LEN: usize = 256 * 1024;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for BuildLog {
    /// Keeps the newest lines that fit, without NUL characters, which no store takes.
    fn from(text: String) -> Self {
        let text = if text.contains('\0') { text.replace('\0', "") } else { text };
        let excess = text.len().saturating_sub(Self::MAX_LEN);
        if excess == 0 {
            return Self(text);
        }
        let begin = (excess..text.len()).find(|index| text.is_char_boundary(*index)).unwrap_or(text.len());
        let newest = text.get(begin..).unwrap_or_default();
        Self(newest.split_once('\n').map_or(newest, |(_cut, rest)| rest).to_owned())
    }
}

/// Builds. Those with an image are recorded with their release ([`super::Releases::release`]).
pub trait Builds: Send + Sync + 'static {
    /// Records a build that has no image; a repeated request is fine.
    fn record_failed_build<'a>(
        &'a self,
        app: &'a AppName,
        key: &'a RequestKey,
        build: &'a FailedBuild,
    ) -> Answer<'a, ()>;
    /// An app's builds, the newest first.
    fn builds<'a>(&'a self, app: &'a AppName, window: Window) -> Answer<'a, Listed<Build>>;
    /// One build of an app.
    fn build<'a>(&'a self, app: &'a AppName, uuid: Uuid) -> Answer<'a, Option<Build>>;
    /// What people read while it was built; empty when that is not kept any more.
    fn build_log<'a>(&'a self, app: &'a AppName, uuid: Uuid) -> Answer<'a, Option<String>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept() {
        assert_eq!(BuildLog::from("a\0b\n".to_owned()).as_str(), "ab\n");
        let line = format!("{}\n", "\u{fc}".repeat(50));
        let long = line.repeat(10_000);
        let kept = BuildLog::from(long.clone());
        assert!(kept.as_str().len() <= BuildLog::MAX_LEN && kept.as_str().len() > BuildLog::MAX_LEN - line.len());
        assert!(long.ends_with(kept.as_str()) && kept.as_str().starts_with('\u{fc}'));
        assert_eq!(kept.as_str().len() % line.len(), 0, "whole lines");
    }
}
