//! Images that were built elsewhere: what is known of them, and what of them runs.

use std::collections::BTreeMap;

use deis_api::{AppName, Code, ProcType};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::configs::Settings;
use crate::error::Error;

/// What an image from elsewhere says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Pulled {
    /// The number of the user that it runs as.
    pub user: u32,
    /// The first port that it says it listens on.
    pub exposed_port: Option<u16>,
    /// Its own entry point.
    pub entrypoint: Vec<String>,
    /// Its own arguments.
    pub command: Vec<String>,
}

/// An image that is to be copied.
#[derive(Debug)]
pub struct Order<'a> {
    /// For this app.
    pub app: &'a AppName,
    /// As the user wrote it.
    pub image: &'a str,
    /// Whether it may run as root.
    pub allow_root: bool,
    /// User and password of its registry.
    pub credentials: Option<(String, SecretString)>,
}

/// An image that was copied.
#[derive(Clone, Debug)]
pub struct Copied {
    /// `127.0.0.1:5555/{app}@sha256:…`.
    pub image: String,
    /// What it says about itself.
    pub pulled: Pulled,
}

/// The process types that run: those of the Procfile, and of an image without `web` also `cmd`, what the image itself runs.
pub fn kinds(procfile: &BTreeMap<ProcType, String>, is_pulled: bool) -> impl Iterator<Item = ProcType> {
    let own = (is_pulled && !procfile.contains_key(&ProcType::web())).then(ProcType::cmd);
    let own = own.filter(|own| !procfile.contains_key(own));
    procfile.keys().filter(|kind| !kind.is_reserved()).cloned().chain(own)
}

/// The process type that is to serve.
#[must_use]
pub fn served(procfile: &BTreeMap<ProcType, String>, is_pulled: bool) -> Option<ProcType> {
    let kinds = kinds(procfile, is_pulled).collect::<Vec<_>>();
    [ProcType::web(), ProcType::cmd()].into_iter().find(|served| kinds.contains(served))
}

/// The process type of which a first deploy starts one; `None` for an image that need not serve and has no port to do so.
///
/// # Errors
/// [`Error::Refused`] when it has to serve and nobody says where it listens.
pub fn first(
    settings: &Settings,
    procfile: &BTreeMap<ProcType, String>,
    pulled: &Pulled,
) -> Result<Option<ProcType>, Error> {
    let port = settings.values.keys().any(|key| key.as_str() == "PORT");
    if !port && has_login(settings) {
        let message = "PORT needs to be set in the application config when using a private registry";
        return Err(Error::refused(Code::FailedPrecondition, message));
    }
    if port || pulled.exposed_port.is_some() {
        return Ok(served(procfile, true));
    }
    // Where a Procfile names other processes alone, those are what is wanted.
    if procfile.keys().any(|kind| !kind.is_reserved()) && !serves_by_name(procfile) {
        return Ok(None);
    }
    let message = "Expose a port or make the app non routable by changing the process type";
    Err(Error::refused(Code::FailedPrecondition, message))
}

fn serves_by_name(procfile: &BTreeMap<ProcType, String>) -> bool {
    [ProcType::web(), ProcType::cmd()].iter().any(|kind| procfile.contains_key(kind))
}

fn has_login(settings: &Settings) -> bool {
    settings.registry.keys().any(|key| ["username", "password"].contains(&key.as_str()))
}

/// User and password for the registry of an image, if the app has any for it.
///
/// # Errors
/// [`Error::Refused`] for half a login.
pub fn credentials(settings: &Settings, image: &str) -> Result<Option<(String, SecretString)>, Error> {
    use secrecy::ExposeSecret as _;
    let field = |name: &str| {
        let found = settings.registry.iter().find(|(key, _)| key.as_str() == name);
        found.map(|(_, value)| value.clone()).filter(|value| !value.expose_secret().is_empty())
    };
    let (username, password) = match (field("username"), field("password")) {
        (None, None) => return Ok(None),
        (Some(username), Some(password)) => (username.expose_secret().to_owned(), password),
        _ => return Err(Error::refused(Code::InvalidArgument, "Registry auth requires a username and a password")),
    };
    // Named for one registry, they are told to no other.
    let is_for = field("hostname").is_none_or(|host| registry(host.expose_secret()) == registry(host_of(image)));
    Ok(is_for.then_some((username, password)))
}

/// The part of an image's name that names its registry; Docker's own has no name.
fn host_of(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host == "localhost" || host.contains(['.', ':']) => host,
        _ => "",
    }
}

/// A registry under one name of those that it has.
fn registry(host: &str) -> String {
    let host = host.trim().to_ascii_lowercase();
    let host = host.trim_start_matches("https://").trim_start_matches("http://");
    let host = host.split('/').next().unwrap_or_default();
    match host {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => String::new(),
        _ => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(values: &[(&str, &str)], registry: &[(&str, &str)]) -> Settings {
        let variables = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| (key.parse().unwrap(), SecretString::from(*value))).collect()
        };
        Settings { values: variables(values), registry: variables(registry), ..Settings::default() }
    }

    fn procfile(kinds: &[&str]) -> BTreeMap<ProcType, String> {
        kinds.iter().map(|kind| (kind.parse().unwrap(), "run".to_owned())).collect()
    }

    #[test]
    fn an_image_runs_cmd_unless_a_procfile_names_web() {
        let running = |types: &[&str], is_pulled| {
            let procfile = procfile(types);
            let mut running = kinds(&procfile, is_pulled).map(|kind| kind.to_string()).collect::<Vec<_>>();
            running.push(served(&procfile, is_pulled).map_or_else(|| "-".to_owned(), |kind| kind.to_string()));
            running.join(" ")
        };
        assert_eq!(running(&[], true), "cmd cmd");
        assert_eq!(running(&["release", "worker"], true), "worker cmd cmd");
        assert_eq!(running(&["cmd"], true), "cmd cmd");
        assert_eq!(running(&["web", "worker"], true), "web worker web");
        assert_eq!(running(&["worker"], false), "worker -");
    }

    #[test]
    fn what_serves_needs_a_port() {
        let silent = Pulled::default();
        let exposed = Pulled { exposed_port: Some(80), ..Pulled::default() };
        let verdict =
            |settings: &Settings, kinds: &[&str], pulled: &Pulled| match first(settings, &procfile(kinds), pulled) {
                Ok(kind) => kind.map_or_else(|| "-".to_owned(), |kind| kind.to_string()),
                Err(error) => format!("{}: {error}", error.code()),
            };
        let (none, port) = (settings(&[], &[]), settings(&[("PORT", "8080")], &[]));
        let login = [("username", "bob"), ("password", "x")];
        let refusal = "failed-precondition: Expose a port or make the app non routable by changing the process type";
        let private =
            "failed-precondition: PORT needs to be set in the application config when using a private registry";
        for (settings, kinds, pulled, expected) in [
            (&none, &[][..], &exposed, "cmd"),
            (&none, &[], &silent, refusal),
            (&none, &["release"], &silent, refusal),
            (&none, &["web", "worker"], &silent, refusal),
            (&none, &["worker"], &silent, "-"),
            (&none, &["worker"], &exposed, "cmd"),
            (&port, &["web"], &silent, "web"),
            (&settings(&[], &login), &[], &exposed, private),
            (&settings(&[("PORT", "8080")], &login), &[], &silent, "cmd"),
        ] {
            assert_eq!(verdict(settings, kinds, pulled), expected, "{kinds:?}");
        }
    }

    #[test]
    fn a_login_is_whole_and_for_one_registry() {
        let verdict = |registry: &[(&str, &str)], image: &str| match credentials(&settings(&[], registry), image) {
            Ok(login) => login.map_or_else(|| "-".to_owned(), |(username, _)| username),
            Err(error) => format!("{}: {error}", error.code()),
        };
        let half = "invalid-argument: Registry auth requires a username and a password";
        let (user, password) = (("username", "bob"), ("password", "x"));
        let host = |name: &'static str| ("hostname", name);
        for (registry, image, expected) in [
            (&[][..], "nginx", "-"),
            (&[user], "nginx", half),
            (&[password], "nginx", half),
            (&[user, ("password", "")], "nginx", half),
            (&[user, password], "quay.io/bob/web", "bob"),
            (&[user, password, host("quay.io")], "quay.io/bob/web:1", "bob"),
            (&[user, password, host("quay.io")], "quay.io.example.com/bob/web", "-"),
            (&[user, password, host("quay.io")], "bob/web", "-"),
            (&[user, password, host("https://index.docker.io/v1/")], "bob/web", "bob"),
            (&[user, password, host("docker.io")], "docker.io/bob/web", "bob"),
            (&[user, password, host("localhost:5000")], "localhost:5000/web", "bob"),
            (&[user, password, host("localhost:5000")], "localhost:5001/web", "-"),
        ] {
            assert_eq!(verdict(registry, image), expected, "{registry:?} {image}");
        }
    }
}
