use deis_api::{AppName, Code, ReleaseVersion, Username};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Build, Ground, Listed, Released, Window};
use crate::releases::difference;

/// What a change is about.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// An app, as long as it is there.
    App(&'a AppName),
    /// A user's account.
    User(&'a Username),
    /// All of it.
    Platform,
}

/// A change as it is noted, in the transaction that makes it. No secret may stand in it.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// What it is about.
    pub subject: Subject<'a>,
    /// What was done: `app.scale`.
    pub action: &'static str,
    /// What there was before, of that which has changed.
    pub before: Value,
    /// What there is since.
    pub after: Value,
}

impl<'a> Change<'a> {
    /// A change of an app.
    #[must_use]
    pub const fn app(app: &'a AppName, action: &'static str, before: Value, after: Value) -> Self {
        Self { subject: Subject::App(app), action, before, after }
    }

    /// A change of an account.
    #[must_use]
    pub const fn user(username: &'a Username, action: &'static str, before: Value, after: Value) -> Self {
        Self { subject: Subject::User(username), action, before, after }
    }

    /// A new release: what is different in it.
    #[must_use]
    pub fn release(app: &'a AppName, ground: &Ground, released: &Released, build: Option<&Build>) -> Self {
        let one = (&ground.config.settings, ground.build.as_ref());
        let (mut before, mut after) = difference(one, (&released.config.settings, build));
        before.insert("release".to_owned(), json!(ground.latest.version.to_string()));
        after.insert("release".to_owned(), json!(released.release.version.to_string()));
        after.insert("summary".to_owned(), json!(released.release.summary));
        Self::app(app, "release.create", before.into(), after.into())
    }

    /// A release that could not be deployed.
    #[must_use]
    pub fn failed(app: &'a AppName, release: ReleaseVersion, code: Code, message: &str) -> Self {
        let after = json!({ "release": release.to_string(), "code": code.as_str(), "message": message });
        Self::app(app, "release.fail", Value::Null, after)
    }
}

/// A change that was noted.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its place among those of its subject, from 1.
    pub number: i64,
    /// When it was made.
    pub time: Timestamp,
    /// Who made it; `None` for the platform itself, and for whoever had no account yet.
    pub username: Option<Username>,
    /// Where he called from, if that is known.
    pub address: Option<String>,
    /// What was done: `app.scale`.
    pub action: String,
    /// What there was before, of that which has changed; secrets are masked.
    pub before: Value,
    /// What there is since; secrets are masked.
    pub after: Value,
    /// Whether it is as it was written, and follows on the one before.
    pub is_intact: bool,
}

/// Something that was done to an account, or to the platform.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountEntry {
    /// Whose account it is; `None` where it is about all of them.
    pub account: Option<Username>,
    /// What was done. Its number is its place among those of this account.
    pub entry: Entry,
}

/// Who did what. Each entry has a hash over itself and the one before, so that none can be changed or taken away from in between
/// without that being seen.
pub trait Audit: Send + Sync + 'static {
    /// Notes something that changes nothing in the ledger.
    fn note<'a>(&'a self, change: Change<'a>) -> Answer<'a, ()>;
    /// What was done to an app, the newest first.
    fn activity(&self, app: Uuid, window: Window) -> Answer<'_, Listed<Entry>>;
    /// What was done to accounts and to the platform, the newest first; of one user, what he did and what was done to his account.
    fn account_activity<'a>(&'a self, of: Option<&'a Username>, window: Window) -> Answer<'a, Listed<AccountEntry>>;
    /// How many entries there are in all.
    fn audit_length(&self) -> Answer<'_, i64>;
}
