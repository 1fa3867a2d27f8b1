//! Backups of what cannot be derived: the ledger, settings, the platform's identity, the apps' repositories and images.
//!
//! A backup is a folder named after its time. [`manifest`] says what is in it and is written last; [`archive`] and [`place`] write and
//! read it. [`ledger`], [`repositories`], [`registry`], [`settings`] and [`secrets`] know how each part is taken and put back;
//! [`make`], [`rehearse`] and [`restore`] are the order in which it is done.
//!
//! Nothing is held up meanwhile. The ledger comes first: repositories and images are only added to, so whatever a release in the
//! dump names is still there when they are read, unless its app was destroyed in between.

mod archive;
mod ledger;
mod log;
mod make;
mod manifest;
mod place;
mod registry;
mod rehearse;
mod repositories;
mod restore;
mod secrets;
mod settings;
mod shell;
mod workloads;

pub(crate) use self::archive::{Archive, ArchiveError, Writer};
pub(crate) use self::ledger::apps;
pub(crate) use self::log::{Log, Size};
pub(crate) use self::make::make;
pub(crate) use self::place::{Place, PlaceError};
pub(crate) use self::rehearse::rehearse;
pub(crate) use self::restore::Restore;
pub(crate) use self::shell::{PodShell, ShellError};
