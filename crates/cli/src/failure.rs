//! How a command fails: a kind, a chain of causes, and hints about what to do next. Printed in one place, [`Ui::report`].

use std::error::Error;
use std::io;
use std::process::ExitCode;

use owo_colors::OwoColorize;

use crate::Ui;

/// What sort of failure it is; it decides the exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The command was not done, and the message says why. Exit code 1.
    Error,
    /// The person stopped waiting, or somebody asked us to end. The exit code is 128 and the signal's number, as a shell counts it: 130
    /// after Ctrl-C.
    Interrupted(u8),
    /// The time that the person gave us to wait is over. Exit code 124, as of timeout(1).
    TimedOut,
    /// Nobody reads our output any more, as after `| head`. Nothing is said; exit code 1.
    ClosedPipe,
    /// A program that the person worked with through us ended with this exit code, and has said why. Nothing is added.
    Ended(u8),
}

/// Why a command ends early.
///
/// It is made from any error by `?`; it is no error itself, since nothing handles it but [`Ui::report`].
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    error: Box<dyn Error + Send + Sync>,
    code: Option<String>,
    hints: Vec<String>,
}

impl Failure {
    /// A failure that is a sentence of its own.
    pub fn new(message: impl Into<String>) -> Self {
        Self { kind: Kind::Error, error: message.into().into(), code: None, hints: Vec::new() }
    }

    /// The person pressed Ctrl-C; `message` says what goes on without them.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self::stopped(130, message)
    }

    /// A signal asked us to end; `status` is the exit code that tells which, and `message` says what is left.
    pub fn stopped(status: u8, message: impl Into<String>) -> Self {
        Self { kind: Kind::Interrupted(status), ..Self::new(message) }
    }

    /// The time to wait is over; `message` says what goes on without us.
    pub fn timed_out(message: impl Into<String>) -> Self {
        Self { kind: Kind::TimedOut, ..Self::new(message) }
    }

    /// What the person did through us is over; `code` is how it ended, and there is nothing to add.
    #[must_use]
    pub fn ended(code: u8) -> Self {
        Self { kind: Kind::Ended(code), ..Self::new(format!("it ended with exit code {code}")) }
    }

    /// Adds a sentence about what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the stable code that the platform gave.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The failure on one line, the first of its message and those of its causes: for a list of such.
    #[must_use]
    pub fn summary(&self) -> String {
        let messages = std::iter::once(self.error.to_string()).chain(self.causes().map(ToString::to_string));
        messages.filter_map(|message| message.lines().next().map(str::to_owned)).collect::<Vec<_>>().join(": ")
    }

    /// What to do next, as far as it is known.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    fn causes(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        let mut next = self.error.source();
        std::iter::from_fn(move || {
            let cause = next?;
            next = cause.source();
            Some(cause)
        })
    }

    /// The cause as a type, to add a hint where it is known what it means.
    #[must_use]
    pub fn cause<E: Error + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref()
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let kind = if is_closed_pipe(&error) { Kind::ClosedPipe } else { Kind::Error };
        Self { kind, error: Box::new(error), code: None, hints: Vec::new() }
    }
}

fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

impl Ui {
    /// Tells why the command failed and gives the exit code.
    ///
    /// The first line is `Error: {message}`; below it stand the causes, the code and the hints.
    pub fn report(&mut self, failure: &Failure) -> ExitCode {
        // Nothing is left to be told when stderr is closed too.
        let _unreported = self.write_failure(failure);
        ExitCode::from(match failure.kind {
            Kind::Error | Kind::ClosedPipe => 1,
            Kind::TimedOut => 124,
            Kind::Interrupted(code) | Kind::Ended(code) => code,
        })
    }

    fn write_failure(&mut self, failure: &Failure) -> io::Result<()> {
        match failure.kind {
            Kind::ClosedPipe | Kind::Ended(_) => return Ok(()),
            Kind::Error => self.warn(format_args!("{} {}", "Error:".red().bold(), failure.error))?,
            Kind::TimedOut => self.warn(format_args!("{} {}", "Timed out:".yellow().bold(), failure.error))?,
            Kind::Interrupted(_) => self.warn(format_args!("{} {}", "Interrupted:".yellow().bold(), failure.error))?,
        }
        for cause in failure.causes() {
            self.warn(format_args!("  because: {cause}"))?;
        }
        if let Some(code) = &failure.code {
            self.warn(format_args!("{} {code}", "Code:".dimmed()))?;
        }
        for hint in &failure.hints {
            self.warn(format_args!("{} {hint}", "Hint:".cyan()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(failure: &Failure) -> String {
        let (mut ui, _, stderr) = Ui::captured();
        ui.report(failure);
        stderr.text()
    }

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the file")]
    struct Outer(#[source] io::Error);

    #[test]
    fn a_failure_is_told_with_its_causes_its_code_and_its_hints() {
        let cause = io::Error::other("the disk is gone");
        let failure = Failure::from(Outer(cause)).code("unavailable").hint("Mount it.").hint("Or buy one.");
        insta::assert_snapshot!(told(&failure), @r"
        Error: cannot read the file
          because: the disk is gone
        Code: unavailable
        Hint: Mount it.
        Hint: Or buy one.
        ");
    }

    #[test]
    fn a_summary_is_one_line() {
        let failure = Failure::from(Outer(io::Error::other("the disk is gone\nfor ever"))).hint("Mount it.");
        assert_eq!(failure.summary(), "cannot read the file: the disk is gone");
        assert_eq!(failure.hints(), ["Mount it."]);
        assert_eq!(Failure::new("no app\nanywhere").summary(), "no app");
    }

    #[test]
    fn an_end_of_the_wait_is_no_error() {
        insta::assert_snapshot!(told(&Failure::interrupted("the deploy goes on")), @"Interrupted: the deploy goes on");
        insta::assert_snapshot!(told(&Failure::timed_out("the deploy goes on")), @"Timed out: the deploy goes on");
    }

    #[test]
    fn a_closed_pipe_is_not_worth_a_word() {
        assert_eq!(told(&io::Error::from(io::ErrorKind::BrokenPipe).into()), "");
    }

    #[test]
    fn a_program_that_ended_has_said_why() {
        assert_eq!(told(&Failure::ended(42)), "");
    }

    #[test]
    fn the_kind_decides_the_exit_code() {
        let (mut ui, ..) = Ui::captured();
        let code = |failure: &Failure| format!("{:?}", ui.report(failure));
        let failures = [
            Failure::new("no"),
            Failure::timed_out("later"),
            Failure::interrupted("later"),
            Failure::stopped(143, "later"),
            Failure::ended(42),
        ];
        let codes = failures.iter().map(code).collect::<Vec<_>>();
        assert_eq!(codes, [1, 124, 130, 143, 42].map(|code| format!("{:?}", ExitCode::from(code))));
    }
}
