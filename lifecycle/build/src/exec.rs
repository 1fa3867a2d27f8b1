//! The one place where programs are started: buildpacks, which run the app's own build scripts.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use libcnb::Env;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Longer than a build pod lives: the builder ends it.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Longest line that is passed on; what is longer becomes several.
const MAX_LINE: u64 = 4096;

/// How a program with a time limit ended.
pub(crate) enum Limited {
    Ended(ExitStatus),
    /// It was killed.
    Late,
}

/// Runs a program to its end: an argument vector, exactly `env`, nothing to read, a process group of its own.
/// `line` gets what it prints, both streams in one, line by line.
pub(crate) fn run(
    program: &Path,
    arguments: &[&Path],
    folder: &Path,
    env: &Env,
    line: impl FnMut(&str),
) -> io::Result<ExitStatus> {
    match run_limited(NEVER, program, arguments, folder, env, line)? {
        Limited::Ended(status) => Ok(status),
        Limited::Late => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// As [`run`], but ends the program and all that it started after `limit`.
pub(crate) fn run_limited(
    limit: Duration,
    program: &Path,
    arguments: &[&Path],
    folder: &Path,
    env: &Env,
    mut line: impl FnMut(&str),
) -> io::Result<Limited> {
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
    let group = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    std::thread::scope(|scope| {
        let (running, ended) = sync_channel::<()>(0);
        let waiter = scope.spawn(move || {
            let status = wait_and_clear(&mut child, group);
            drop(running);
            status
        });
        let guard = scope.spawn(move || {
            let is_late = ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            if is_late {
                // It may have ended this very moment.
                let _gone = killpg(group, Signal::SIGKILL);
            }
            is_late
        });
        let read = read_lines(BufReader::new(output), &mut line);
        let broken = || io::Error::other("a thread broke");
        let status = waiter.join().unwrap_or_else(|_| Err(broken()));
        let is_late = guard.join().map_err(|_| broken())?;
        read?;
        Ok(if is_late { Limited::Late } else { Limited::Ended(status?) })
    })
}

/// Waits, then ends what the program left behind: it would hold the pipe open for ever.
fn wait_and_clear(child: &mut Child, group: Pid) -> io::Result<ExitStatus> {
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
    fn a_program_that_is_late_ends_with_all_that_it_started() {
        let mut env = Env::new();
        env.insert("PATH", "/usr/bin:/bin");
        let arguments = ["-c", "sleep 600 & sleep 600"].map(Path::new);
        let ended =
            run_limited(Duration::from_millis(50), Path::new("/bin/sh"), &arguments, Path::new("/"), &env, |_| {});
        assert!(matches!(ended.unwrap(), Limited::Late));
    }

    #[test]
    fn long_lines_are_cut_into_pieces() {
        let (lines, _) = shell("head -c 5000 /dev/zero | tr '\\0' x");
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [4096, 904]);
    }
}
