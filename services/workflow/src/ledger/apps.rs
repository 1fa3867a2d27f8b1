use std::collections::{BTreeMap, BTreeSet};

use deis_api::rest::Autoscale;
use deis_api::{AppName, Code, ProcType, ReleaseVersion, Username};
use deis_kube::objects::Rules;
use jiff::Timestamp;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Answer, Ground, Listed, Window};
use crate::error::Error;

/// Process type to replicas asked for.
pub type Structure = BTreeMap<ProcType, u32>;

/// Process type to the rule that it is scaled by.
pub type Autoscales = BTreeMap<ProcType, Autoscale>;

/// Notes of an app's owners.
pub type Labels = BTreeMap<String, String>;

/// What users say about an app that makes no release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppSettings {
    /// How the routers are to serve it.
    pub rules: Rules,
    /// How process types are scaled that have no fixed number of pods.
    pub autoscale: Autoscales,
    /// Notes.
    pub labels: Labels,
}

/// An app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its identity.
    pub uuid: Uuid,
    /// Its name, also of its namespace, Service, repository and host.
    pub id: AppName,
    /// Who may do everything with it.
    pub owner: Username,
    /// Who may use it beside the owner.
    pub collaborators: BTreeSet<Username>,
    /// Whether an administrator lets its images run as root.
    pub allow_root: bool,
    /// The replicas asked for.
    pub structure: Structure,
    /// Process type to command, as the last Procfile named them; none without a build.
    pub procfile: BTreeMap<ProcType, String>,
    /// What was said about it that makes no release.
    pub settings: AppSettings,
    /// The process types whose number is an autoscaler's, and the release whose controller has it: what `structure` says is old then.
    pub autoscaled: BTreeMap<ProcType, ReleaseVersion>,
    /// The release that is to serve.
    pub desired_release: ReleaseVersion,
    /// Since when it is being destroyed, if so.
    pub destroying: Option<Timestamp>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// What a list says of an app. A page has up to 10,000: what is only passed on is not taken apart.
#[derive(Clone, Debug)]
pub struct ListedApp {
    /// Its identity.
    pub uuid: Uuid,
    /// Its name.
    pub id: AppName,
    /// Who may do everything with it.
    pub owner: Username,
    /// Whether an administrator lets its images run as root.
    pub allow_root: bool,
    /// [`App::structure`], as JSON.
    pub structure: Box<RawValue>,
    /// [`App::procfile`], as JSON.
    pub procfile: Box<RawValue>,
    /// Whether it is being destroyed.
    pub is_going: bool,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

impl App {
    /// Refuses to change an app that is being destroyed.
    ///
    /// # Errors
    /// It is.
    pub fn check_stays(&self) -> Result<(), Error> {
        if self.destroying.is_none() {
            return Ok(());
        }
        let message = format!("{} is being destroyed; its name is free again when that is done.", self.id);
        Err(Error::refused(Code::BeingDestroyed, message))
    }
}

/// An app to be made.
#[derive(Clone, Debug)]
pub struct NewApp {
    /// Its name.
    pub id: AppName,
    /// Its owner.
    pub owner: Username,
    /// The replicas asked for, to be used by its first build.
    pub structure: Structure,
    /// The summary of its initial release.
    pub summary: String,
}

/// Decides what structure an app is to have. What it names is as it says from then on, and no autoscaler's number.
pub type Restructure<'a> = Box<dyn FnOnce(&Ground) -> Result<Structure, Error> + Send + 'a>;

/// Decides what an app's settings are to be.
pub type SettingsDecision<'a> = Box<dyn FnOnce(&Ground) -> Result<AppSettings, Error> + Send + 'a>;

/// Agrees to a change of an app, or refuses it.
pub type Consent<'a> = Box<dyn FnOnce(&Ground) -> Result<(), Error> + Send + 'a>;

/// Apps.
pub trait Apps: Send + Sync + 'static {
    /// One app.
    fn app<'a>(&'a self, id: &'a AppName) -> Answer<'a, Option<App>>;
    /// The apps that a user owns or may use, or all, by name.
    fn apps<'a>(&'a self, user: Option<&'a Username>, window: Window) -> Answer<'a, Listed<ListedApp>>;
    /// The names of all apps.
    fn app_names(&self) -> Answer<'_, Vec<AppName>>;
    /// Makes an app with an empty config and release v1, which has no build. Refuses a name that is taken.
    fn create_app(&self, app: NewApp) -> Answer<'_, App>;
    /// Notes that an app is to be destroyed, and takes it from whoever deploys it; answers whether it is there.
    fn condemn<'a>(&'a self, id: &'a AppName) -> Answer<'a, bool>;
    /// Deletes an app with all that belongs to it.
    fn delete_app<'a>(&'a self, id: &'a AppName) -> Answer<'a, ()>;
    /// Changes the numbers of some of an app's process types.
    fn restructure<'a>(&'a self, id: &'a AppName, decide: Restructure<'a>) -> Answer<'a, ()>;
    /// Changes an app's settings; answers the app since.
    fn set_settings<'a>(&'a self, id: &'a AppName, decide: SettingsDecision<'a>) -> Answer<'a, App>;
    /// Lets an app's images run as root, or not any more; that is refused while a deploy is under way.
    fn set_allow_root<'a>(&'a self, id: &'a AppName, allow: bool, consent: Consent<'a>) -> Answer<'a, ()>;
    /// Gives the process types of `to` the numbers back that they had in `from`, or none where they had none. One that has another number
    /// by now, or an autoscaler's, keeps it; answers which ones got theirs back.
    fn undo_restructure<'a>(
        &'a self,
        id: &'a AppName,
        from: &'a Structure,
        to: &'a Structure,
    ) -> Answer<'a, BTreeSet<ProcType>>;
}
