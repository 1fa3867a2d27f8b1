//! The one place where programs are started and where time is waited out.
//!
//! Programs get an argument vector and an environment of two variables; a failure carries what the program said.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;
use tokio::time::Instant;

/// Where the programs of Debian's packages are.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs a program to its end.
pub async fn run(program: &str, args: &[&str]) -> Result<()> {
    output(program, args).await.map(drop)
}

/// Runs a program and returns what it wrote to its standard output.
pub async fn output(program: &str, args: &[&str]) -> Result<String> {
    let output = command(program, args).output().await.with_context(|| format!("starting {program}"))?;
    checked(program, args, output)
}

/// Runs a program with `input` on its standard input.
pub fn feed(program: &str, args: &[&str], input: &str) -> Result<String> {
    feed_with(program, args, |stdin| stdin.write_all(input.as_bytes()))
}

/// Runs a program and lets `write` fill its standard input, without a thread or a task: the program must not answer at
/// length before it has read all. Returns what it wrote to its standard output.
pub fn feed_with(program: &str, args: &[&str], write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<String> {
    let mut command = plain(Path::new(program));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("starting {program}"))?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let written = write(&mut stdin);
    drop(stdin);
    // A program that ends early says why itself: our broken pipe is only the echo.
    let said = checked(program, args, child.wait_with_output()?)?;
    written.with_context(|| format!("writing to {program}"))?;
    Ok(said)
}

/// Turns a failed end into an error that says which command it was and what it wrote.
pub fn checked(program: &str, args: &[&str], output: Output) -> Result<String> {
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program} {}: {}: {}", args.join(" "), output.status, said.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{program}: its output is no text"))
}

/// Runs a program in `folder` with the caller's environment and terminal, and `extra` variables.
pub async fn build(folder: &Path, program: &str, args: &[&str], extra: &[(&str, &str)]) -> Result<()> {
    let status = inherited(program)
        .args(args)
        .envs(extra.iter().copied())
        .current_dir(folder)
        // What the caller reads from our standard output is a path, not a compiler's words.
        .stdout(std::io::stderr())
        .status()
        .await
        .with_context(|| format!("starting {program}"))?;
    if !status.success() {
        bail!("{program} {}: {status}", args.join(" "));
    }
    Ok(())
}

/// Like [`output`], in `folder` and with the caller's environment.
pub async fn output_in(folder: &Path, program: &str, args: &[&str]) -> Result<String> {
    let output = inherited(program).args(args).current_dir(folder).output().await;
    checked(program, args, output.with_context(|| format!("starting {program}"))?)
}

/// Starts a program that outlives the caller's interest: its output goes to `log`, its standard input is given.
///
/// The child belongs to the caller alone: no runtime reaps it.
pub fn start(program: &Path, args: &[String], log: &Path) -> Result<Child> {
    let log = append(log)?;
    plain(program)
        .args(args)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/root")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))
}

/// Replaces the current process's interest in a program by two pipes: the daemon's standard input and output.
pub fn daemon(program: &Path, args: &[&str], log: &Path) -> Result<tokio::process::Child> {
    let log = append(log)?;
    let mut command = command(&program.to_string_lossy(), args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    command.spawn().with_context(|| format!("starting {}", program.display()))
}

/// Becomes `program`, with the caller's environment and terminal; returns only on failure.
pub fn become_program(program: &str, args: &[String]) -> anyhow::Error {
    use std::os::unix::process::CommandExt;
    let error = plain(Path::new(program)).args(args).exec();
    anyhow::Error::from(error).context(format!("starting {program}"))
}

/// Asks `done` again and again until it gives a value or the time is up.
///
/// Only for conditions that nobody announces: that a socket answers, that the kernel has let go of something.
pub async fn eventually<T>(what: &str, limit: Duration, mut done: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = done().await {
            return Ok(value);
        }
        if Instant::now() >= end {
            bail!("{what}: not within {} s", limit.as_secs());
        }
        pause_until(Instant::now() + Duration::from_millis(50)).await;
    }
}

/// Waits for a moment to come.
pub async fn pause_until(moment: Instant) {
    tokio::time::sleep_until(moment).await;
}

fn append(log: &Path) -> Result<File> {
    File::options().create(true).append(true).open(log).with_context(|| format!("opening {}", log.display()))
}

fn command(program: &str, args: &[&str]) -> Command {
    let mut command = inherited(program);
    command.args(args).env_clear().env("PATH", PATH).env("HOME", "/root").stdin(Stdio::null());
    command
}

#[expect(clippy::disallowed_methods, reason = "this is the exec wrapper")]
fn inherited(program: &str) -> Command {
    Command::new(program)
}

#[expect(clippy::disallowed_methods, reason = "this is the exec wrapper")]
fn plain(program: &Path) -> std::process::Command {
    std::process::Command::new(program)
}
