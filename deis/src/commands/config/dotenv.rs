//! Variables in a file or a pipe, one `KEY=value` to a line.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The file of `config:pull` and `config:push` in the current directory.
pub const NAME: &str = ".env";

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} cannot be read")]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("{0} cannot be written")]
    Unwritable(PathBuf, #[source] io::Error),
}

/// The lines that say something.
pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.replace('\r', "")).filter(|line| !line.is_empty()).collect()
}

/// The variables as lines, and the names of those that a line cannot hold.
pub fn write(values: &BTreeMap<String, String>) -> (String, Vec<&str>) {
    let (several, one): (Vec<_>, Vec<_>) = values.iter().partition(|(_, value)| value.contains(['\n', '\r']));
    let text = one.into_iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    (text, several.into_iter().map(|(key, _)| key.as_str()).collect())
}

/// The text of a file that may not be there.
pub fn load(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::Unreadable(path.to_owned(), error)),
    }
}

/// Writes a file that its owner alone may read, even if others could before: variables are often secrets.
pub fn store(path: &Path, text: &str) -> Result<(), Error> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())
    };
    write().map_err(|error| Error::Unwritable(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_and_carriage_returns_are_dropped() {
        assert_eq!(lines("A=1\r\n\n\r\n#note\nB=x y\n"), ["A=1", "#note", "B=x y"]);
    }

    #[test]
    fn a_value_of_several_lines_is_named_and_left_out() {
        let values = [("A", "1"), ("PEM", "-----\nx"), ("Z", "")].map(|(key, value)| (key.into(), value.into()));
        assert_eq!(write(&BTreeMap::from(values)), ("A=1\nZ=\n".to_owned(), vec!["PEM"]));
    }
}
