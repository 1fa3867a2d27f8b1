mod builder;
mod examination;
mod keys;

use std::io;
use std::time::Duration;

use clap::Args;
use deis_cli::{Failure, Format, OutputArgs, Ui, row};
use serde::Serialize;

use self::examination::{CHECKS, Examination};
use crate::context::{Context, ProfileArgs};

/// The most that a check waits for one answer.
const LIMIT: Duration = Duration::from_secs(5);
/// Of `FAIL`.
const STATUS_WIDTH: u16 = 4;
/// Of `connection` and `controller`.
const CHECK_WIDTH: u16 = 10;

/// Check all that a deploy needs, from the login to the git remote, and say how to mend it
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    profile: ProfileArgs,
}

/// What a check found.
#[derive(Debug)]
enum Outcome {
    Good(String),
    Bad {
        message: String,
        fix: String,
    },
    /// It could not be made, or there is nothing to check.
    Skipped(String),
}

/// The same with the check's name, as it is shown.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    status: Status,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Fail,
    Skipped,
}

impl Outcome {
    fn bad(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Bad { message: message.into(), fix: fix.into() }
    }

    /// Of a call that failed: what it says itself is to be done, else `fix`.
    fn of_failure(failure: &Failure, fix: impl Into<String>) -> Self {
        Self::Bad { message: failure.summary(), fix: failure.hints().first().cloned().unwrap_or_else(|| fix.into()) }
    }

    /// Of a check that needs another one to be good.
    fn cannot(because: &str) -> Self {
        Self::Skipped(format!("cannot be checked: {because}"))
    }
}

impl Finding {
    fn new(check: &'static str, outcome: Outcome) -> Self {
        let (status, message, fix) = match outcome {
            Outcome::Good(message) => (Status::Ok, message, None),
            Outcome::Bad { message, fix } => (Status::Fail, message, Some(fix)),
            Outcome::Skipped(message) => (Status::Skipped, message, None),
        };
        Self { check, status, message, fix }
    }
}

impl Doctor {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        tokio::select! {
            done = self.examine(context) => done,
            _ = tokio::signal::ctrl_c() => Err(Failure::interrupted("not everything was checked")),
        }
    }

    async fn examine(&self, context: &mut Context) -> Result<(), Failure> {
        let mut examination = Examination::default();
        let mut findings = Vec::new();
        for (name, check) in CHECKS {
            let finding = Finding::new(name, examination.make(*check, context, &self.profile).await);
            // A person reads each line as it comes: a check may take its time.
            if self.output.output == Format::Table {
                show(&mut context.ui, &finding)?;
            }
            findings.push(finding);
        }
        if self.output.output != Format::Table {
            self.output.show(&mut context.ui, &findings, |_, _| Ok(()))?;
        }
        match findings.iter().filter(|finding| finding.status == Status::Fail).count() {
            0 => Ok(()),
            failed => Err(Failure::new(format!("{failed} of {} checks failed", findings.len()))),
        }
    }
}

fn show(ui: &mut Ui, finding: &Finding) -> io::Result<()> {
    let word = match finding.status {
        Status::Ok => "ok",
        Status::Fail => "FAIL",
        Status::Skipped => "-",
    };
    let message = finding.message.trim_end_matches('.');
    let text = match &finding.fix {
        Some(fix) => format!("{message}; fix: {fix}"),
        None => message.to_owned(),
    };
    ui.line(row([(word, STATUS_WIDTH), (finding.check, CHECK_WIDTH)], &text))
}
