//! The bodies of the REST contract, version 2.3, as the server writes them and the command line reads them.
//!
//! Field names and shapes are the contract with clients that are years old: they change in no release. Names stay
//! text here; a handler parses them into the crate's name types, because its error body must name the field.
#![expect(missing_docs, reason = "field names are the contract's own; what they do not say is documented")]

mod activity;
mod administrator;
mod app;
mod auth;
mod build;
mod build_actions;
mod certificate;
mod config;
mod domain;
mod error;
mod explanation;
mod key;
mod log;
mod page;
mod perms;
mod pod;
mod release;
mod run;
mod secret;
mod service;
mod settings;
mod time;

pub use self::activity::{AccountActivity, Activity};
pub use self::administrator::Administrator;
pub use self::app::{App, NewApp};
pub use self::auth::{Cancel, Login, NewPassword, PasswordSet, Regenerate, Registration, Token, User};
pub use self::build::{Build, NewBuild};
pub use self::build_actions::{CancelledBuild, ClearedCache};
pub use self::certificate::{Attachment, Certificate, NewCertificate};
pub use self::config::{Config, ConfigPatch};
pub use self::domain::{Domain, NewDomain};
pub use self::error::ErrorBody;
pub use self::explanation::{Explanation, Problem};
pub use self::key::{Key, NewKey};
pub use self::log::{LOG_MEDIA_TYPE, LogEntry, LogStream};
pub use self::page::{DEFAULT_LIMIT, Page};
pub use self::perms::{Collaborators, Grant, Transfer};
pub use self::pod::{Pod, PodList, Scale};
pub use self::release::{PROGRESS_MEDIA_TYPE, Release, ReleaseDifference, ReleaseProgress, Rollback, RolledBack};
pub use self::run::{Run, RunEnded, RunStarted};
pub use self::secret::Secret;
pub use self::service::{Service, ServiceRemoval, Services};
pub use self::settings::{AppSettings, Autoscale, SettingsPatch, Tls, TlsPatch, Whitelist};
pub use self::time::Time;

/// Major and minor version of the contract, the value of header [`API_VERSION_HEADER`].
pub const API_VERSION: &str = "2.3";
/// Stands on every answer, errors included. Clients compare it with their own version.
pub const API_VERSION_HEADER: &str = "deis_api_version";
/// Full version of the platform; stands on every answer.
pub const PLATFORM_VERSION_HEADER: &str = "deis_platform_version";
/// What stands in `Prefer` (RFC 7240) when a client does not wait until its change is deployed. It is answered with 202 then as soon as
/// the change is recorded, with the same body.
pub const RESPOND_ASYNC: &str = "respond-async";
/// The stable code of an error; ours, beside the body that old clients know.
pub const ERROR_CODE_HEADER: &str = "deis-error-code";
/// Makes a repeated request recognisable: 16 to 64 printable characters of the client's choice, the same in each try and no other's. For a
/// day a repeat is answered as the first (draft-ietf-httpapi-idempotency-key-header). Heeded by every change but those below `/v2/auth/`.
pub const REQUEST_KEY_HEADER: &str = "idempotency-key";
