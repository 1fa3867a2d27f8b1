use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use tempfile::TempDir;

/// A helm that has one release, notes what it is asked, and does as the test says.
pub(crate) struct Helm {
    folder: TempDir,
}

impl Helm {
    /// `upgrade` is what the shell does for `helm upgrade`; `after` is the history from then on.
    pub(crate) fn new(upgrade: &str, after: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("history.json"), history(&[("superseded", "0.1.0"), ("deployed", "0.1.0")])).unwrap();
        fs::write(path("after.json"), history(after)).unwrap();
        let script = format!(
            r#"#!/bin/sh
cd {folder}
echo "$*" >> asked
case "$*" in
  history*) cat history.json ;;
  "show chart"*) echo "appVersion: 0.2.0" ;;
  "get manifest"*) ;;
  upgrade*--dry-run*) echo '{{"manifest": ""}}' ;;
  upgrade*) cp after.json history.json; {upgrade} ;;
  uninstall*) echo 'release "deis" uninstalled' ;;
  rollback*) echo "Rollback was a success! Happy Helming!" ;;
esac
"#,
            folder = folder.path().display()
        );
        fs::write(path("helm"), script).unwrap();
        fs::set_permissions(path("helm"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(path("asked"), "").unwrap();
        Self { folder }
    }

    pub(crate) fn option(&self) -> String {
        format!("--helm={}", self.program())
    }

    fn program(&self) -> String {
        self.folder.path().join("helm").display().to_string()
    }

    /// What was said, with the name of a helm that is where PATH leads.
    pub(crate) fn named(&self, said: &str) -> String {
        said.replace(&self.program(), "helm")
    }

    /// Each command line so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        fs::read_to_string(self.folder.path().join("asked")).unwrap().lines().map(str::to_owned).collect()
    }
}

fn history(revisions: &[(&str, &str)]) -> String {
    let revision = |(index, (status, version)): (usize, &(&str, &str))| json!({ "revision": index + 1, "status": status, "app_version": version });
    Value::from_iter(revisions.iter().enumerate().map(revision)).to_string()
}
