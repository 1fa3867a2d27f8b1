use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why the app was not started.
#[derive(Debug)]
pub(crate) enum Error {
    /// A file of the image cannot be read.
    Read { path: PathBuf, source: io::Error },
    /// The image has no process of this type.
    NoProcess { process_type: String, known: Vec<String> },
    /// No type was named and the image has no default.
    NoDefault { known: Vec<String> },
    /// The description of a process names no command.
    NoCommand { process_type: String },
    /// The working directory cannot be entered.
    Directory { path: PathBuf, source: io::Error },
    /// The command cannot be executed.
    Exec { program: String, source: io::Error },
}

impl Error {
    pub(crate) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }

    /// As shells do: 127 when there is no such command, 126 when it cannot be executed; 125 for all that is before.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Exec { source, .. } if source.kind() == io::ErrorKind::NotFound => 127,
            Self::Exec { .. } => 126,
            _ => 125,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::NoProcess { process_type, known } => {
                write!(f, "this image has no process type \"{process_type}\"; it has {}", List(known))
            }
            Self::NoDefault { known } => write!(f, "name a process type: this image has {}", List(known)),
            Self::NoCommand { process_type } => write!(f, "process type \"{process_type}\" has no command"),
            Self::Directory { path, source } => write!(f, "cannot start in {}: {source}", path.display()),
            Self::Exec { program, source } if source.kind() == io::ErrorKind::NotFound => {
                write!(f, "{program}: command not found")
            }
            Self::Exec { program, source } => write!(f, "cannot execute {program}: {source}"),
        }
    }
}

struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("none") } else { f.write_str(&self.0.join(", ")) }
    }
}
