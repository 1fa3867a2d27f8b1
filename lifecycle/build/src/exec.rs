//! The one place where programs are started: buildpacks, which run the app's own build scripts.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use libcnb::Env;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Longest line that is passed on; what is longer becomes several.
const MAX_LINE: u64 = 4096;

/// Runs a program to its end: an argument vector, exactly `env`, nothing to read, a process group of its own.
/// `line` gets what it prints, both streams in one, line by line.
pub(crate) fn run(
    program: &Path,
    arguments: &[&Path],
    folder: &Path,
    env: &Env,
    mut line: impl FnMut(&str),
) -> io::Result<ExitStatus> {
    let (output, input) = io::pipe()?;
    let mut child = {
        #[expect(clippy::disallowed_methods, reason = "this is the one exec wrapper")]
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(env.iter())
            .stdin(Stdio::null())
            .stdout(input.try_clone()?)
            .stderr(input)
            .process_group(0)
            .spawn()?
        // The command goes here, and with it our ends of the pipe.
    };
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| wait_and_clear(&mut child));
        let read = read_lines(BufReader::new(output), &mut line);
        let status = waiter.join().unwrap_or_else(|_| Err(io::Error::other("the waiting thread broke")));
        read.and(status)
    })
}

/// Waits, then ends what the program left behind: it would hold the pipe open for ever.
fn wait_and_clear(child: &mut Child) -> io::Result<ExitStatus> {
    let group = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    let status = child.wait()?;
    // Nobody is left in most cases, which is the error here.
    let _nobody = killpg(group, Signal::SIGKILL);
    Ok(status)
}

fn read_lines(mut output: impl BufRead, line: &mut impl FnMut(&str)) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        if output.by_ref().take(MAX_LINE).read_until(b'\n', &mut buffer)? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&buffer);
        let text = text.trim_end_matches(['\n', '\r']);
        // Of a line that was drawn again and again, its last state.
        line(text.rsplit('\r').next().unwrap_or(text));
    }
}

/// How a program ended, to follow "The Go buildpack".
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (_, Some(9)) => "was killed, most likely because it needed more memory than a build may have".to_owned(),
        (_, Some(signal)) => format!("was ended by signal {signal}"),
        (code, None) => format!("ended with exit status {}", code.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (Vec<String>, ExitStatus) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("script");
        std::fs::write(&file, script).unwrap();
        let mut env = Env::new();
        env.insert("PATH", "/usr/bin:/bin").insert("GIVEN", "yes");
        let mut lines = Vec::new();
        let status = run(Path::new("/bin/sh"), &[&file], folder.path(), &env, |line| lines.push(line.to_owned()));
        (lines, status.unwrap())
    }

    #[test]
    fn both_streams_in_one_and_only_the_given_environment() {
        let (lines, status) = shell("echo one; echo two >&2; printf 'a\\rb\\nthree'; env | grep -c . ; exit 3");
        assert_eq!(lines, ["one", "two", "b", "three3"]);
        assert_eq!(describe(status), "ended with exit status 3");
    }

    #[test]
    fn what_is_left_behind_ends_with_the_program() {
        let (lines, status) = shell("sleep 600 & echo $GIVEN");
        assert_eq!((lines, status.success()), (vec!["yes".to_owned()], true));
    }

    #[test]
    fn long_lines_are_cut_into_pieces() {
        let (lines, _) = shell("head -c 5000 /dev/zero | tr '\\0' x");
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [4096, 904]);
    }
}
