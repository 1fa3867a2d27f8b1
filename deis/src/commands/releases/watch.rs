use std::time::Duration;

use clap::Args;
use deis_api::rest::{PROGRESS_MEDIA_TYPE, Page, Release, ReleaseProgress};
use deis_cli::deadline::duration;
use deis_cli::{Failure, Progress};

use crate::api::{Error, OrGoneOn, Rejoin};
use crate::app::{AppArgs, AppSession};
use crate::commands::apps::logs::line;
use crate::context::{Context, PageArgs};

/// Show how the deploy of a release goes on, until it is deployed or has failed
#[derive(Debug, Args)]
pub struct Watch {
    /// The release, ex: v3; else the newest
    #[arg(value_name = "version")]
    version: Option<String>,
    /// Watch no longer than this, in seconds or with a unit: 90s, 5m; the deploy goes on, and the exit code is 124
    #[arg(long, value_name = "duration", value_parser = duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    app: AppArgs,
}

/// How a deploy ended.
enum Outcome {
    Deployed { superseded_by: Option<u64> },
    Failed { code: String, message: String, log_tail: Vec<String> },
}

impl Watch {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let version = self.version.as_deref().map(super::version).transpose()?;
        let session = context.app(&self.app)?;
        let version = match version {
            Some(version) => version.into(),
            None => newest(&session).await?,
        };
        let progress = context.ui.progress(format!("Deploying v{version}... "))?;
        let goes_on = format!("The deploy of {} v{version} goes on without you; {}.", session.app, session.watch());
        match outcome(&session, version, &progress).or_gone_on(&goes_on, self.timeout).await? {
            Outcome::Deployed { superseded_by: None } => Ok(progress.done("done")?),
            Outcome::Deployed { superseded_by: Some(later) } => {
                Ok(progress.done(format_args!("done, superseded by v{later}"))?)
            }
            Outcome::Failed { code, message, log_tail } => {
                progress.done("failed")?;
                if !log_tail.is_empty() {
                    context.ui.warn("The last lines of the process:")?;
                }
                log_tail.iter().try_for_each(|text| context.ui.warn(format_args!("  {}", line::harmless(text))))?;
                Err(Failure::new(format!("v{version} could not be deployed: {message}")).code(code))
            }
        }
    }
}

async fn newest(session: &AppSession) -> Result<u64, Failure> {
    let page: Page<Release> = session.list(&["releases", ""], &PageArgs { limit: Some(1) }).await?;
    let newest = page.results.first().map(|release| release.version);
    newest.ok_or_else(|| Failure::new(format!("{} has no release", session.app)))
}

/// What the controller tells in the end.
async fn outcome(session: &AppSession, version: u64, progress: &Progress<'_>) -> Result<Outcome, Failure> {
    let mut rejoin = Rejoin::new();
    loop {
        let failure = match join(session, version, progress, &mut rejoin).await {
            Ok(Some(outcome)) => return Ok(outcome),
            Ok(None) => Failure::from(Error::Undecided(session.controller().to_string()))
                .hint(format!("'deis releases:info v{version} -a {}' shows what is known.", session.app)),
            Err(failure) => failure,
        };
        rejoin.bear(failure)?;
        rejoin.pause().await;
    }
}

/// Listens until the deploy or the answer ends.
async fn join(
    session: &AppSession,
    version: u64,
    progress: &Progress<'_>,
    rejoin: &mut Rejoin,
) -> Result<Option<Outcome>, Failure> {
    let path = ["releases", &format!("v{version}"), "progress", ""];
    let Some(mut lines) = session.lines(&path, &[], PROGRESS_MEDIA_TYPE).await? else { return Ok(None) };
    while let Some(told) = lines.next_object().await? {
        rejoin.heard();
        match told {
            ReleaseProgress::Step { text } => progress.explain(line::harmless(&text)),
            ReleaseProgress::Deployed { superseded_by } => return Ok(Some(Outcome::Deployed { superseded_by })),
            ReleaseProgress::Failed { code, message, log_tail } => {
                return Ok(Some(Outcome::Failed { code, message, log_tail }));
            }
        }
    }
    Ok(None)
}
