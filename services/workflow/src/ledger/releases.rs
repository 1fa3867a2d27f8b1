use std::collections::BTreeMap;

use deis_api::{AppName, Code, ConfigKey, ReleaseVersion, Username};
use jiff::Timestamp;
use secrecy::SecretString;
use uuid::Uuid;

use super::{Answer, App, Build, Listed, NewBuild, RequestKey, Structure, Window};
use crate::configs::Settings;
use crate::error::Error;

/// An app's environment variables.
pub type Variables = BTreeMap<ConfigKey, SecretString>;

/// A snapshot of an app's config; never changed.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its identity.
    pub uuid: Uuid,
    /// Who made it.
    pub owner: Username,
    /// What stands in it.
    pub settings: Settings,
    /// When it was made.
    pub created: Timestamp,
}

/// How far a release is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseState {
    /// Its first deploy is under way.
    Deploying,
    /// It was deployed, or has nothing to deploy.
    Good,
    /// It could not be deployed and never serves.
    Failed,
}

/// A config and a build, under a version.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its identity.
    pub uuid: Uuid,
    /// Its version.
    pub version: ReleaseVersion,
    /// Who made it.
    pub owner: Username,
    /// What changed, for people.
    pub summary: String,
    /// How far it is.
    pub state: ReleaseState,
    /// Why it failed.
    pub failure: Option<(Code, String)>,
    /// The last lines of the process that failed.
    pub log_tail: Vec<String>,
    /// Its config.
    pub config: Uuid,
    /// Its build.
    pub build: Option<Uuid>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// What a new release is decided from; stands still until the decision is recorded.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The app.
    pub app: App,
    /// The latest release that has not failed.
    pub latest: Release,
    /// Its config.
    pub config: Config,
    /// Its build.
    pub build: Option<Build>,
    /// The release that was asked for.
    pub target: Option<Release>,
    /// Its build.
    pub target_build: Option<Build>,
}

/// A release with its config and build.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The release.
    pub release: Release,
    /// Its config.
    pub config: Config,
    /// Its build.
    pub build: Option<Build>,
}

/// Which other release a decision needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// None.
    None,
    /// The one before the latest good one.
    Previous,
    /// This one.
    Version(ReleaseVersion),
}

/// A release to be recorded.
#[derive(Debug)]
pub struct Draft {
    /// Who makes it.
    pub owner: Username,
    /// What changed, for people.
    pub summary: String,
    /// What is said in its place when the deploy fails.
    pub summary_if_failed: String,
    /// A new config, or an earlier one.
    pub config: ConfigDraft,
    /// A new build, an earlier one, or none.
    pub build: BuildDraft,
    /// The structure the app has from now on.
    pub structure: Structure,
}

/// The config of a release to be recorded.
#[derive(Debug)]
pub enum ConfigDraft {
    /// A new snapshot.
    New(Box<Settings>),
    /// An earlier one.
    Keep(Uuid),
}

/// The build of a release to be recorded.
#[derive(Debug)]
pub enum BuildDraft {
    /// A new one.
    New(NewBuild),
    /// An earlier one, or none.
    Keep(Option<Uuid>),
}

/// Decides on a release. Runs inside the store's transaction and must be pure.
pub type Decide<'a> = Box<dyn FnOnce(&Ground) -> Result<Draft, Error> + Send + 'a>;

/// What became of a request for a release.
#[derive(Clone, Debug)]
pub struct Released {
    /// The release that the request made, now or when it came first.
    pub release: Release,
    /// Its config.
    pub config: Config,
    /// What of it is new.
    pub made: Made,
}

/// What a request has made itself: nothing when it joined one that came before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// The release.
    pub release: bool,
    /// Its build.
    pub build: bool,
    /// Its config.
    pub config: bool,
}

/// Releases with their configs.
pub trait Releases: Send + Sync + 'static {
    /// Records the next release of an app and makes it the desired one, in one transaction; a repeated request gets what the first
    /// one made.
    ///
    /// Refuses while a deploy of the app is under way ([`Error::DeployInProgress`]).
    fn release<'a>(
        &'a self,
        app: &'a AppName,
        key: &'a RequestKey,
        target: Target,
        decide: Decide<'a>,
    ) -> Answer<'a, Released>;
    /// What a request made when it came before, if it did.
    fn made_by<'a>(&'a self, app: &'a AppName, key: &'a RequestKey) -> Answer<'a, Option<Released>>;
    /// What the next release would be decided from.
    fn ground<'a>(&'a self, app: &'a AppName) -> Answer<'a, Ground>;
    /// An app's releases, the newest first.
    fn releases<'a>(&'a self, app: &'a AppName, window: Window) -> Answer<'a, Listed<Release>>;
    /// One release.
    fn release_at<'a>(&'a self, app: &'a AppName, version: ReleaseVersion) -> Answer<'a, Option<Release>>;
    /// One release with all that it is made of.
    fn snapshot_at<'a>(&'a self, app: &'a AppName, version: ReleaseVersion) -> Answer<'a, Option<Snapshot>>;
}
