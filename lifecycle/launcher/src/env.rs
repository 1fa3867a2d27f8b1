//! The environment of the app, and how a folder of files changes it (Buildpack API 0.10, "Environment Variable
//! Modification Rules").

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Variables by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Env(BTreeMap<OsString, OsString>);

impl Env {
    pub(crate) fn of_this_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    pub(crate) fn folder(&self, variable: &str, default: &str) -> PathBuf {
        self.0.get(OsStr::new(variable)).map_or_else(|| PathBuf::from(default), PathBuf::from)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.0.iter()
    }

    /// Puts a folder before what a list of folders has.
    pub(crate) fn prepend_folder(&mut self, variable: &str, folder: &Path) {
        self.change(OsString::from(variable), &Change::Prepend, folder.as_os_str(), OsStr::new(":"));
    }

    /// Applies the files of an env folder, in the order of their names; a folder that is not there changes nothing.
    ///
    /// `NAME` and `NAME.override` set a variable, `NAME.default` sets it unless it is set, `NAME.prepend` and
    /// `NAME.append` put the content before or after what is there, with the content of `NAME.delim` between.
    pub(crate) fn apply(&mut self, folder: &Path) -> Result<(), Error> {
        let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
        let mut files = BTreeMap::new();
        for entry in entries {
            let entry = entry.map_err(Error::read(folder))?;
            let path = entry.path();
            if path.is_file() {
                let content = fs::read(&path).map_err(Error::read(&path))?;
                files.insert(entry.file_name(), OsString::from_vec(content));
            }
        }
        for (file, content) in &files {
            let Some((name, change)) = Change::parse(file) else { continue };
            let mut delimiter = name.clone();
            delimiter.push(".delim");
            let delimiter = files.get(&delimiter).map(OsString::as_os_str).unwrap_or_default();
            self.change(name, &change, content, delimiter);
        }
        Ok(())
    }

    fn change(&mut self, name: OsString, change: &Change, content: &OsStr, delimiter: &OsStr) {
        let joined = |first: &OsStr, second: &OsStr| [first, delimiter, second].into_iter().collect::<OsString>();
        match (change, self.0.get(&name)) {
            (Change::Default, Some(_)) => {}
            (Change::Prepend, Some(value)) => drop(self.0.insert(name, joined(content, value))),
            (Change::Append, Some(value)) => drop(self.0.insert(name, joined(value, content))),
            _ => drop(self.0.insert(name, content.to_owned())),
        }
    }
}

enum Change {
    Override,
    Default,
    Prepend,
    Append,
}

impl Change {
    /// The variable and the change that a file's name asks for; none for a delimiter or a suffix that is not known.
    fn parse(file: &OsStr) -> Option<(OsString, Self)> {
        let mut parts = file.as_bytes().splitn(2, |byte| *byte == b'.');
        let name = OsStr::from_bytes(parts.next()?).to_owned();
        let change = match parts.next() {
            None | Some(b"override") => Self::Override,
            Some(b"default") => Self::Default,
            Some(b"prepend") => Self::Prepend,
            Some(b"append") => Self::Append,
            Some(_) => return None,
        };
        Some((name, change))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        Env(pairs.iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    #[test]
    fn files_change_variables_by_their_suffix() {
        for (files, before, after) in [
            (&[("A", "new")][..], &[("A", "old")][..], &[("A", "new")][..]),
            (&[("A.override", "new")], &[("A", "old")], &[("A", "new")]),
            (&[("A.default", "new")], &[("A", "old")], &[("A", "old")]),
            (&[("A.default", "new")], &[], &[("A", "new")]),
            (&[("A.append", "new")], &[("A", "old")], &[("A", "oldnew")]),
            (&[("A.append", "new"), ("A.delim", ":")], &[("A", "old")], &[("A", "old:new")]),
            (&[("A.prepend", "new"), ("A.delim", ":")], &[("A", "old")], &[("A", "new:old")]),
            (&[("A.prepend", "new"), ("A.delim", ":")], &[], &[("A", "new")]),
            (&[("A.delim", ":")], &[], &[]),
            (&[("A.unknown", "new")], &[("A", "old")], &[("A", "old")]),
            (&[("A", "kept\n")], &[], &[("A", "kept\n")]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            for (name, content) in files {
                fs::write(folder.path().join(name), content).unwrap();
            }
            let mut changed = env(before);
            changed.apply(folder.path()).unwrap();
            assert_eq!(changed, env(after), "{files:?}");
        }
    }

    #[test]
    fn folders_below_and_missing_folders_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("web")).unwrap();
        let mut changed = env(&[("A", "old")]);
        changed.apply(folder.path()).unwrap();
        changed.apply(&folder.path().join("missing")).unwrap();
        assert_eq!(changed, env(&[("A", "old")]));
    }
}
