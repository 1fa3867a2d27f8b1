//! What surrounds `helm upgrade`: what is looked at before, what tells that the platform is well after, and what is said when it
//! is not.

mod apis;
mod carry_out;
mod certificates;
mod health;
mod manifest;
mod release;
mod room;
mod versions;

pub(crate) use self::apis::unserved;
pub(crate) use self::carry_out::Upgrade;
pub(crate) use self::certificates::first_to_end;
pub(crate) use self::manifest::Manifest;
pub(crate) use self::release::{ChartFacts, History, Rendered};
pub(crate) use self::room::room;
pub(crate) use self::versions::direction;

/// Words for helm.
pub(crate) fn text(words: &[&str]) -> Vec<std::ffi::OsString> {
    words.iter().map(std::ffi::OsString::from).collect()
}
