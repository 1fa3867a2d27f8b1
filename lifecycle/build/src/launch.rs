//! Which processes the app has.

use std::collections::BTreeMap;

use deis_api::ProcType;
use libcnb_data::launch::{Process, WorkingDirectory};

use crate::Failure;
use crate::buildpack::Buildpack;
use crate::layers::Made;

/// A process as the launcher starts it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Launched {
    /// Relative to the app's folder; empty for that folder itself.
    directory: String,
    /// Program and arguments.
    argv: Vec<String>,
    /// As people know it.
    command: String,
}

/// The processes of an image.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Processes {
    by_type: BTreeMap<ProcType, Launched>,
    default: Option<ProcType>,
}

impl Processes {
    /// What the buildpacks propose, later ones before earlier ones, and what the Procfile says before all.
    pub(crate) fn collect(
        built: &[(Buildpack, Made)],
        procfile: Option<&BTreeMap<ProcType, String>>,
    ) -> Result<Self, Failure> {
        let mut processes = Self::default();
        for (buildpack, made) in built {
            for process in &made.launch.processes {
                let process_type = process.r#type.as_str();
                let process_type =
                    process_type.parse::<ProcType>().ok().filter(|name| !name.is_reserved()).ok_or_else(|| {
                        Failure::buildpack(
                            &buildpack.name,
                            format!("declares the process type \"{process_type}\", which cannot be used here"),
                        )
                    })?;
                let launched = Launched::of_buildpack(process).ok_or_else(|| {
                    Failure::buildpack(&buildpack.name, format!("declares no command for \"{process_type}\""))
                })?;
                if process.default {
                    processes.default = Some(process_type.clone());
                }
                processes.by_type.insert(process_type, launched);
            }
        }
        for (process_type, command) in procfile.into_iter().flatten() {
            processes.by_type.insert(process_type.clone(), Launched::of_procfile(command));
        }
        if processes.by_type.contains_key(&ProcType::web()) {
            processes.default = Some(ProcType::web());
        }
        Ok(processes)
    }

    pub(crate) fn default_type(&self) -> Option<&ProcType> {
        self.default.as_ref()
    }

    /// Type and command, as people know them.
    pub(crate) fn commands(&self) -> impl Iterator<Item = (&ProcType, &str)> {
        self.by_type.iter().map(|(process_type, launched)| (process_type, launched.command.as_str()))
    }

    /// The launcher's files: type and content.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&ProcType, Vec<u8>)> {
        self.by_type.iter().map(|(process_type, launched)| {
            let strings = std::iter::once(&launched.directory).chain(&launched.argv);
            (process_type, strings.flat_map(|string| string.bytes().chain([0])).collect())
        })
    }
}

impl Launched {
    /// A command line is for a shell, which becomes a command that is the last thing it has to do.
    fn of_procfile(command: &str) -> Self {
        let argv = ["bash", "-c", command].map(str::to_owned).to_vec();
        Self { directory: String::new(), argv, command: command.to_owned() }
    }

    /// None when there is no command, or one that cannot be written down.
    fn of_buildpack(process: &Process) -> Option<Self> {
        let directory = match &process.working_directory {
            WorkingDirectory::App => String::new(),
            WorkingDirectory::Directory(path) => path.to_str()?.to_owned(),
        };
        let argv = process.command.iter().chain(&process.args).cloned().collect::<Vec<_>>();
        let is_plain = !process.command.is_empty() && !argv.iter().any(|string| string.contains('\0'));
        is_plain.then(|| Self { directory, command: argv.join(" "), argv })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn built(launch: &str) -> (Buildpack, Made) {
        let (id, version, name) = ("acme/tool".to_owned(), "1.0.0".to_owned(), "Tool".to_owned());
        let buildpack = Buildpack { id, version, name, clear_env: false, folder: PathBuf::new() };
        (buildpack, Made { layers: Vec::new(), launch: toml::from_str(launch).unwrap(), unmet: Vec::new() })
    }

    fn process(process_type: &str, rest: &str) -> String {
        format!("[[processes]]\ntype = \"{process_type}\"\n{rest}\n")
    }

    fn collect(launches: &[String], procfile: &[(&str, &str)]) -> Result<Processes, Failure> {
        let built = launches.iter().map(|launch| built(launch)).collect::<Vec<_>>();
        let procfile = procfile.iter().map(|(name, command)| (name.parse().unwrap(), (*command).to_owned())).collect();
        Processes::collect(&built, Some(&procfile))
    }

    #[test]
    fn the_procfile_wins_over_later_and_earlier_buildpacks() {
        let first = process("web", "command = [\"one\"]")
            + &process("job", "command = [\"job\", \"--once\"]\nargs = [\"a\"]\nworking-dir = \"sub\"");
        let second = process("web", "command = [\"two\"]");
        let processes = collect(&[first.clone(), second.clone()], &[]).unwrap();
        let commands = |processes: &Processes| {
            processes.commands().map(|(name, command)| format!("{name}={command}")).collect::<Vec<_>>()
        };
        assert_eq!(commands(&processes), ["job=job --once a", "web=two"]);
        let processes = collect(&[first, second], &[("web", "serve $PORT")]).unwrap();
        assert_eq!(commands(&processes), ["job=job --once a", "web=serve $PORT"]);
        let files = processes.files().map(|(_, content)| String::from_utf8(content).unwrap()).collect::<Vec<_>>();
        assert_eq!(files, ["sub\0job\0--once\0a\0", "\0bash\0-c\0serve $PORT\0"]);
    }

    #[test]
    fn web_is_the_default_and_else_what_a_buildpack_says() {
        let job = process("job", "command = [\"job\"]\ndefault = true");
        assert_eq!(collect(std::slice::from_ref(&job), &[]).unwrap().default_type().unwrap().as_str(), "job");
        assert_eq!(collect(&[job], &[("web", "serve")]).unwrap().default_type().unwrap().as_str(), "web");
        assert_eq!(collect(&[], &[("job", "work")]).unwrap().default_type(), None);
    }

    #[test]
    fn types_and_commands_that_cannot_be_are_refused() {
        for launch in
            [process("Web", "command = [\"a\"]"), process("run", "command = [\"a\"]"), process("web", "command = []")]
        {
            assert!(collect(&[launch], &[]).is_err());
        }
    }
}
