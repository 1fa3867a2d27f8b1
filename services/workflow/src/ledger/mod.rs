//! The ledger: history and intent, in SQL. What was answered with success is committed.
//!
//! The traits are what the domain asks of a store; [`sql`] is the one there is. Rules that need a row to stand still run inside
//! the store's transaction as pure functions that the domain hands over ([`releases::Decide`]), so they are written once for every store.

pub mod accounts;
pub mod apps;
pub mod audit;
pub mod builds;
pub mod certificates;
pub mod deploys;
pub mod domains;
pub mod idempotency;
pub mod keys;
pub mod releases;
pub mod restarts;
pub mod sharing;
pub mod sql;

use deis_api::Username;
use futures_util::future::BoxFuture;
use sha2::{Digest as _, Sha256};

pub use accounts::{Accounts, NewUser, User};
pub use apps::{App, AppSettings, Apps, Autoscales, Labels, ListedApp, NewApp, Structure};
pub use audit::{AccountEntry, Audit, Change, Entry, Subject};
pub use builds::{Build, BuildLog, BuildState, Builds, FailedBuild, NewBuild};
pub use certificates::{Certificate, CertificateTexts, Certificates, NewCertificate};
pub use deploys::Deploys;
pub use domains::{Domain, Domains};
pub use idempotency::{Attempt, Idempotency};
pub use keys::{Key, Keys};
pub use releases::{
    BuildDraft, Config, Decide, Draft, Ground, Made, Release, ReleaseState, Released, Releases, Snapshot, Target,
    Variables,
};
pub use restarts::Restarts;
pub use sharing::Sharing;

use crate::error::Error;

/// What a store answers.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// Everything a store must do.
pub trait Ledger:
    Accounts + Keys + Apps + Sharing + Domains + Certificates + Restarts + Builds + Releases + Deploys + Audit + Idempotency
{
    /// A trivial query: the store answers.
    fn ping(&self) -> Answer<'_, ()>;
}

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// At most so many.
    pub limit: i64,
    /// After so many.
    pub offset: i64,
}

/// A part of a list and the length of the whole.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// How many there are in all.
    pub total: i64,
    /// Those asked for.
    pub items: Vec<T>,
}

/// What makes a repeated request recognisable: chosen by the caller, 16 to 64 characters, or new for a caller that gives none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey(String);

impl RequestKey {
    /// A key that no other request has.
    #[must_use]
    pub fn unique() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string())
    }

    /// A caller's key.
    ///
    /// # Errors
    /// It is not 16 to 64 printable ASCII characters.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if printable && (16..=64).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::field("request_key", "A request key is 16 to 64 printable characters."))
        }
    }

    /// The key as one of this account's: another's of the same text is another key.
    #[must_use]
    pub fn of_account(&self, username: &Username) -> Self {
        Self(hex::encode(Sha256::digest(format!("{username}/{}", self.0))))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
