//! The file that remembers a login: `~/.deis/client.json`.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use deis_api::rest::Secret;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;

/// One line of JSON, readable by its owner alone. Older clients read the same file.
#[derive(Debug, Deserialize, Serialize)]
pub struct ClientFile {
    pub username: String,
    pub ssl_verify: bool,
    pub controller: String,
    pub token: Secret,
    /// Default of `--limit`; 0 leaves it to the server.
    #[serde(default)]
    pub response_limit: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "Client configuration file not found at: {}\nAre you logged in? Use 'deis login' or 'deis register' to get started.",
        .0.display()
    )]
    Missing(PathBuf),
    #[error("cannot read the client configuration file {}", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("the client configuration file {} is damaged; 'deis login' writes a new one", .0.display())]
    Damaged(PathBuf, #[source] serde_json::Error),
    #[error("cannot write the client configuration file {}", .0.display())]
    Unwritable(PathBuf, #[source] io::Error),
    #[error("HOME is not set; name the client configuration file with --config=<path>.json")]
    NoHome,
}

/// Where the file is: `profile`, else `DEIS_PROFILE`, else `client`.
///
/// A name with a path separator that ends in `.json` is a path; any other is a file in `~/.deis`.
pub fn path(profile: Option<&str>, environment: &Environment) -> Result<PathBuf, Error> {
    let profile = profile.or(environment.profile.as_deref()).unwrap_or("client");
    if profile.contains(MAIN_SEPARATOR) && profile.ends_with(".json") {
        return Ok(profile.into());
    }
    let home = environment.home.as_ref().ok_or(Error::NoHome)?;
    Ok(home.join(".deis").join(format!("{profile}.json")))
}

impl ClientFile {
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = fs::read(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::Missing(path.to_owned()),
            _ => Error::Unreadable(path.to_owned(), error),
        })?;
        serde_json::from_slice(&text).map_err(|error| Error::Damaged(path.to_owned(), error))
    }

    /// Replaces the file in one step: whoever reads meanwhile sees the old one or the new one.
    pub fn store(&self, path: &Path) -> Result<(), Error> {
        self.replace(path).map_err(|error| Error::Unwritable(path.to_owned(), error))
    }

    fn replace(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let draft = path.with_extension(format!("json.{}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        let written = serde_json::to_writer(&file, self)
            .map_err(io::Error::from)
            .and_then(|()| file.flush())
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&draft, path));
        written.inspect_err(|_| drop(fs::remove_file(&draft)))
    }

    /// Forgets the login; there may be none.
    pub fn remove(path: &Path) -> Result<(), Error> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::Unwritable(path.to_owned(), error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn environment(profile: Option<&str>) -> Environment {
        Environment {
            home: Some("/home/bob".into()),
            profile: profile.map(str::to_owned),
            app: None,
            controller: None,
            token: None,
            drink: String::new(),
            editor: String::new(),
            http_proxy: false,
            https_proxy: false,
        }
    }

    #[test]
    fn the_path_follows_option_variable_and_default() {
        let path = |option, variable| path(option, &environment(variable)).unwrap().display().to_string();
        assert_eq!(path(None, None), "/home/bob/.deis/client.json");
        assert_eq!(path(None, Some("staging")), "/home/bob/.deis/staging.json");
        assert_eq!(path(Some("live"), Some("staging")), "/home/bob/.deis/live.json");
        assert_eq!(path(Some("client.json"), None), "/home/bob/.deis/client.json.json");
        assert_eq!(path(Some("./client.json"), None), "./client.json");
    }

    #[test]
    fn a_stored_file_is_one_line_for_its_owner_alone_and_comes_back() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".deis/client.json");
        let file = ClientFile {
            username: "bob".into(),
            ssl_verify: true,
            controller: "http://deis.example.com".into(),
            token: Secret::from("t0k3n".to_owned()),
            response_limit: 0,
        };
        file.store(&path).unwrap();
        file.store(&path).unwrap();

        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            r#"{"username":"bob","ssl_verify":true,"controller":"http://deis.example.com","token":"t0k3n","response_limit":0}"#
        );
        assert_eq!(ClientFile::load(&path).unwrap().token.expose(), "t0k3n");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left");

        ClientFile::remove(&path).unwrap();
        ClientFile::remove(&path).unwrap();
        assert!(matches!(ClientFile::load(&path), Err(Error::Missing(_))));
    }
}
