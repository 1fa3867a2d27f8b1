use std::cell::OnceCell;
use std::rc::Rc;

use deis_api::rest::API_VERSION;

/// Remembers the first server whose API does not fit ours.
#[derive(Clone, Debug, Default)]
pub struct VersionCheck(Rc<OnceCell<String>>);

impl VersionCheck {
    /// Takes note of the version that an answer carries.
    pub fn note(&self, server: Option<&str>) {
        let server = server.unwrap_or_default();
        if !fits(server) {
            self.0.get_or_init(|| server.to_owned());
        }
    }

    /// The version of that server.
    pub fn unfit(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    /// The warning that is due.
    pub fn mismatch(&self) -> Option<String> {
        self.unfit().map(|server| {
            format!(
                "!    WARNING: Client and server API versions do not match. Please consider upgrading.\n\
                 !    Client version: {API_VERSION}\n\
                 !    Server version: {server}"
            )
        })
    }
}

/// The same major version, and a minor version not below ours; compared as text, as clients always did.
fn fits(server: &str) -> bool {
    match (server.split_once('.'), API_VERSION.split_once('.')) {
        (Some((major, minor)), Some((our_major, our_minor))) => major == our_major && minor >= our_minor,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_minor_versions_fit_and_nothing_else() {
        for (server, fit) in [("2.3", true), ("2.4", true), ("2.2", false), ("3.3", false), ("2", false), ("", false)] {
            assert_eq!(fits(server), fit, "{server}");
        }
    }

    #[test]
    fn the_first_mismatch_is_told() {
        let versions = VersionCheck::default();
        for server in [Some("2.3"), Some("2.2"), None] {
            versions.note(server);
        }
        assert!(versions.mismatch().unwrap().ends_with("Server version: 2.2"));
    }
}
