//! Which process to become.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::layers::sorted;

/// A process as the image describes it.
#[derive(Debug, PartialEq)]
pub(crate) struct Process {
    /// None for a command that is not one of the app's processes.
    pub(crate) process_type: Option<String>,
    /// Relative to the app's folder, or absolute.
    pub(crate) directory: PathBuf,
    /// Program and arguments; never empty.
    pub(crate) command: Vec<OsString>,
}

impl Process {
    /// The process that the launcher's arguments name.
    pub(crate) fn choose(layers: &Path, arguments: Vec<OsString>) -> Result<Self, Error> {
        let config = layers.join("config");
        let mut arguments = arguments.into_iter();
        let process_type = match arguments.next() {
            Some(dashes) if dashes == "--" => {
                let command = arguments.collect::<Vec<_>>();
                let process_type = None;
                return if command.is_empty() {
                    Err(Error::NoCommand { process_type: "--".to_owned() })
                } else {
                    Ok(Self { process_type, directory: PathBuf::new(), command })
                };
            }
            Some(process_type) => process_type.to_string_lossy().into_owned(),
            None => {
                fs::read_to_string(config.join("default")).map_err(|_| Error::NoDefault { known: known(&config) })?
            }
        };
        Self::read(&config, process_type, arguments.collect())
    }

    fn read(config: &Path, process_type: String, arguments: Vec<OsString>) -> Result<Self, Error> {
        let is_name = !process_type.is_empty() && !process_type.starts_with('.') && !process_type.contains('/');
        let content = if is_name { fs::read(config.join("processes").join(&process_type)).ok() } else { None };
        let Some(content) = content else {
            return Err(Error::NoProcess { process_type, known: known(config) });
        };
        let mut strings = content.split_inclusive(|byte| *byte == 0).filter_map(|string| string.strip_suffix(b"\0"));
        let mut next = || strings.next().map(|string| OsString::from_vec(string.to_owned()));
        let directory = next().unwrap_or_default().into();
        let Some(program) = next() else { return Err(Error::NoCommand { process_type }) };
        let mut own = std::iter::from_fn(next).collect::<Vec<_>>();
        if !arguments.is_empty() {
            own = arguments;
        }
        let command = std::iter::once(program).chain(own).collect();
        Ok(Self { process_type: Some(process_type), directory, command })
    }
}

fn known(config: &Path) -> Vec<String> {
    let paths = sorted(&config.join("processes"), |_| true).unwrap_or_default();
    paths.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(files: &[(&str, &str)], arguments: &[&str]) -> Result<Process, Error> {
        let layers = tempfile::tempdir().unwrap();
        fs::create_dir_all(layers.path().join("config/processes")).unwrap();
        for (path, content) in files {
            fs::write(layers.path().join("config").join(path), content).unwrap();
        }
        Process::choose(layers.path(), arguments.iter().map(OsString::from).collect())
    }

    fn process(process_type: Option<&str>, directory: &str, command: &[&str]) -> Process {
        Process {
            process_type: process_type.map(str::to_owned),
            directory: directory.into(),
            command: command.iter().map(OsString::from).collect(),
        }
    }

    const WEB: (&str, &str) = ("processes/web", "\0bash\0-c\0echo $PORT\nexec web\0");
    const JOB: (&str, &str) = ("processes/job", "/srv\0job\0--once\0");

    #[test]
    fn a_type_a_default_or_a_command() {
        let web = process(Some("web"), "", &["bash", "-c", "echo $PORT\nexec web"]);
        assert_eq!(choose(&[WEB], &["web"]).unwrap(), web);
        assert_eq!(choose(&[WEB, ("default", "web")], &[]).unwrap(), web);
        assert_eq!(choose(&[JOB], &["job"]).unwrap(), process(Some("job"), "/srv", &["job", "--once"]));
        assert_eq!(choose(&[JOB], &["job", "a", "b"]).unwrap(), process(Some("job"), "/srv", &["job", "a", "b"]));
        assert_eq!(choose(&[], &["--", "ls", "-l"]).unwrap(), process(None, "", &["ls", "-l"]));
    }

    #[test]
    fn everything_else_is_said() {
        for (arguments, text) in [
            (&["jobs"][..], "this image has no process type \"jobs\"; it has job, web"),
            (&[], "name a process type: this image has job, web"),
            (&["--"], "process type \"--\" has no command"),
            (&["../default"], "this image has no process type \"../default\"; it has job, web"),
            (&[".."], "this image has no process type \"..\"; it has job, web"),
        ] {
            let error = choose(&[WEB, JOB], arguments).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.exit_code()), (text, 125));
        }
        assert!(matches!(choose(&[("processes/web", "/srv\0")], &["web"]), Err(Error::NoCommand { .. })));
    }
}
