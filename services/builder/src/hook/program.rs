//! The hook's side: a program that runs for one push and blocks.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Asked, NAME, Told};
use crate::git::{HOOK_SOCKET, Quarantine};

/// Longest input that git may give: some ten thousand refs.
const MAX_INPUT: u64 = 4 << 20;

/// Whether git has called this program as its hook.
#[must_use]
pub fn is_called() -> bool {
    std::env::args_os().next().as_deref().map(Path::new).and_then(Path::file_name).is_some_and(|name| name == NAME)
}

/// The hook.
#[must_use]
pub fn main() -> ExitCode {
    match ask() {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            drop(writeln!(io::stderr(), "The builder broke off: {error}. Push again."));
            ExitCode::FAILURE
        }
    }
}

fn ask() -> io::Result<u8> {
    let variable = |name: &str| std::env::var_os(name);
    let socket = variable(HOOK_SOCKET).ok_or_else(|| io::Error::other("the hook was not called by the builder"))?;
    let mut updates = String::new();
    io::stdin().take(MAX_INPUT).read_to_string(&mut updates)?;
    let quarantine = Quarantine {
        objects: variable("GIT_OBJECT_DIRECTORY").map(PathBuf::from),
        alternates: variable("GIT_ALTERNATE_OBJECT_DIRECTORIES"),
    };

    let mut stream = UnixStream::connect(socket)?;
    let mut line = serde_json::to_string(&Asked { updates, quarantine })?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;

    let mut output = io::stdout();
    for line in BufReader::new(stream).lines() {
        match serde_json::from_str(&line?)? {
            // Without a reader there is still an end to wait for.
            Told::Line(text) => drop(writeln!(output, "{text}").and_then(|()| output.flush())),
            Told::Exit(status) => return Ok(status),
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}
