use std::io::{self, Write};
use std::path::{Path, PathBuf};

use deis_cli::Failure;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::Serialize;

use super::redaction::{REDACTED, Redactor, SHORTEST};

/// The files, free of secrets from the moment they are put in, and the list of what could not be had.
pub(crate) struct Archive {
    redactor: Redactor,
    made: Timestamp,
    files: Vec<(String, String)>,
    missing: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    #[error("cannot write {}", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

impl Archive {
    pub(super) const fn new(redactor: Redactor, made: Timestamp) -> Self {
        Self { redactor, made, files: Vec::new(), missing: Vec::new() }
    }

    pub(super) fn text(&mut self, name: impl Into<String>, text: &str) {
        self.files.push((name.into(), self.redactor.text(text)));
    }

    pub(super) fn yaml(&mut self, name: impl Into<String>, data: &impl Serialize) {
        let name = name.into();
        match serde_saphyr::to_string(data) {
            Ok(text) => self.text(name, &text),
            Err(error) => self.missing(&name, &error.to_string()),
        }
    }

    /// Notes what could not be had, and why.
    pub(super) fn missing(&mut self, what: &str, why: &str) {
        let line = self.redactor.text(&format!("{what}: {why}"));
        self.missing.push(line.replace('\n', " "));
    }

    pub(crate) fn what_is_missing(&self) -> &[String] {
        &self.missing
    }

    pub(crate) const fn len(&self) -> usize {
        self.files.len()
    }

    /// Writes it where nothing is yet, for the operator's eyes only.
    pub(crate) fn write(&self, file: &Path) -> Result<(), Failure> {
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let failed = |error| WriteError::Io(file.to_owned(), error);
        let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        self.pack(&mut temporary).map_err(failed)?;
        temporary.persist_noclobber(file).map(drop).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => {
                Failure::from(WriteError::Exists(file.to_owned())).hint("Give another name: --file=<file>")
            }
            _ => failed(error.error).into(),
        })
    }

    fn pack(&self, to: &mut impl Write) -> io::Result<()> {
        let mut archive = tar::Builder::new(GzEncoder::new(to, Compression::default()));
        let index = ("README.txt".to_owned(), self.index());
        for (name, text) in std::iter::once(&index).chain(&self.files) {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(self.made.as_second().try_into().unwrap_or(0));
            archive.append_data(&mut header, format!("deis-diagnose/{name}"), text.as_bytes())?;
        }
        archive.into_inner()?.finish()?;
        Ok(())
    }

    fn index(&self) -> String {
        let mut lines = vec![
            format!("Deis Workflow as of {}, by deisctl {}.", self.made, env!("CARGO_PKG_VERSION")),
            String::new(),
            format!(
                "Of Secrets only names and the names of their keys are here. Their values and those of the apps' configuration \
                 are replaced by {REDACTED} wherever they occur, unless they are shorter than {SHORTEST} characters."
            ),
            String::new(),
        ];
        match self.missing.as_slice() {
            [] => lines.push("Nothing is missing.".to_owned()),
            missing => {
                lines.push("What could not be had:".to_owned());
                lines.extend(missing.iter().map(|line| format!("- {line}")));
            }
        }
        lines.push(String::new());
        lines.extend(self.files.iter().map(|(name, _)| name.clone()));
        lines.join("\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_archive_has_a_list_of_what_it_has_and_lacks_and_no_secret() {
        let redactor = Redactor::new([b"hunter22".as_slice()]).unwrap();
        let mut archive = Archive::new(redactor, "2026-11-28T12:00:00Z".parse().unwrap());
        archive.text("logs/x.log", "the password is hunter22\n");
        archive.yaml("status.yaml", &[("password", "hunter22")]);
        archive.missing("nodes", "forbidden to\nhunter22");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("diagnose.tar.gz");
        archive.write(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

        let mut files = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(&file).unwrap()));
        let mut texts = String::new();
        for entry in files.entries().unwrap() {
            let mut entry = entry.unwrap();
            texts += &format!("== {}\n", entry.path().unwrap().display());
            entry.read_to_string(&mut texts).unwrap();
        }
        insta::assert_snapshot!(texts.replace(env!("CARGO_PKG_VERSION"), "{version}"));

        let again = archive.write(&file).unwrap_err();
        assert!(again.summary().ends_with("diagnose.tar.gz is there already"), "{}", again.summary());
    }
}
