//! The Procfile: process types and their commands, as a YAML map.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use deis_api::ProcType;

use crate::Failure;

const MAX_SIZE: u64 = 64 * 1024;

/// What is run once for each release, before any of its processes.
const RELEASE: &str = "release";

/// Reads `Procfile` of the source; none when there is none.
pub(crate) fn read(app: &Path) -> Result<Option<BTreeMap<ProcType, String>>, Failure> {
    let path = app.join("Procfile");
    let file = match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(metadata) if !metadata.is_file() => return Err(Failure::Procfile("it is not a file.".to_owned())),
        _ => fs::File::open(&path).map_err(Failure::io("read the Procfile"))?,
    };
    let mut text = String::new();
    let size = file.take(MAX_SIZE + 1).read_to_string(&mut text);
    match size {
        Ok(size) if size as u64 <= MAX_SIZE => parse(&text).map(Some).map_err(Failure::Procfile),
        Ok(_) => Err(Failure::Procfile(format!("it is longer than {} KiB.", MAX_SIZE / 1024))),
        Err(_) => Err(Failure::Procfile("it is not UTF-8 text.".to_owned())),
    }
}

/// Parses the text; the error is the rest of a sentence.
fn parse(text: &str) -> Result<BTreeMap<ProcType, String>, String> {
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let entries: BTreeMap<String, Option<String>> =
        serde_saphyr::from_str(text).map_err(|error| format!("it must be a map of type: command. {error}"))?;
    let parse = |(name, command): (String, Option<String>)| {
        let process_type = name.parse::<ProcType>().map_err(|error| format!("\"{name}\": {error}."))?;
        // The command of the release phase stands among the processes, although it is none that is kept running.
        if process_type.is_reserved() && process_type.as_str() != RELEASE {
            return Err(format!("the platform keeps the process type \"{name}\" for itself."));
        }
        match command.map(|command| command.trim().to_owned()).filter(|command| !command.is_empty()) {
            Some(command) if command.contains('\0') => Err(format!("the command of \"{name}\" has a zero byte.")),
            Some(command) => Ok((process_type, command)),
            None => Err(format!("\"{name}\": Command can't be empty for process type.")),
        }
    };
    entries.into_iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_commands() {
        for (text, expected) in [
            ("web: go-example", &[("web", "go-example")][..]),
            (
                "web: go-example\n\n# comment\nworker:   bin/work --fast  \n",
                &[("web", "go-example"), ("worker", "bin/work --fast")],
            ),
            ("web: \"serve -p $PORT\"", &[("web", "serve -p $PORT")]),
            ("web: >-\n  serve\n  --all", &[("web", "serve --all")]),
            ("clock-2: FOO=1 tick | tee log", &[("clock-2", "FOO=1 tick | tee log")]),
            ("release: migrate\nweb: serve", &[("release", "migrate"), ("web", "serve")]),
            ("", &[]),
            ("{}", &[]),
        ] {
            let found = parse(text).unwrap();
            let found = found.iter().map(|(name, command)| (name.as_str(), command.as_str())).collect::<Vec<_>>();
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn everything_else_is_refused_in_words() {
        for (text, problem) in [
            ("web", "it must be a map"),
            ("- web", "it must be a map"),
            ("web: [a]", "it must be a map"),
            ("web: a\nweb: b", "it must be a map"),
            ("Web: a", "Process types can only contain lowercase alphanumeric characters"),
            ("web_1: a", "Process types can only contain"),
            ("run: migrate", "the platform keeps the process type \"run\" for itself"),
            ("web:", "Command can't be empty for process type"),
            ("web: \"  \"", "Command can't be empty for process type"),
            ("web: \"a\\0b\"", "zero byte"),
        ] {
            let found = parse(text).unwrap_err();
            assert!(found.contains(problem), "{text:?}: {found}");
        }
    }

    #[test]
    fn only_a_file_is_read() {
        let app = tempfile::tempdir().unwrap();
        assert!(read(app.path()).unwrap().is_none());
        std::os::unix::fs::symlink("/etc/passwd", app.path().join("Procfile")).unwrap();
        assert!(matches!(read(app.path()), Err(Failure::Procfile(_))));
    }
}
