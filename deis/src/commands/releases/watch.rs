use std::time::Duration;

use clap::Args;
use deis_api::rest::{PROGRESS_MEDIA_TYPE, Page, Release, ReleaseProgress};
use deis_cli::{Failure, Progress};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::api::{OrGoneOn, PACE, TRIES, is_passing};
use crate::app::{AppArgs, AppSession, duration};
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

/// What the controller tells in the end. It is joined again when it breaks off before: a controller is replaced, a connection is cut.
async fn outcome(session: &AppSession, version: u64, progress: &Progress<'_>) -> Result<Outcome, Failure> {
    let mut pace = interval_at(Instant::now() + PACE, PACE);
    // The ticks that fell into a long answer are no tries.
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tries = 0;
    loop {
        tries += 1;
        match join(session, version, progress, &mut tries).await {
            Ok(Some(outcome)) => return Ok(outcome),
            Err(failure) if tries >= TRIES || !is_passing(&failure) => return Err(failure),
            Ok(None) if tries >= TRIES => {
                return Err(Failure::new(format!("{} does not say how the deploy ends", session.controller()))
                    .hint(format!("'deis releases:info v{version} -a {}' shows what is known.", session.app)));
            }
            Ok(None) | Err(_) => {}
        }
        pace.tick().await;
    }
}

/// Listens until the deploy or the answer ends; whatever is told makes the tries count anew.
async fn join(
    session: &AppSession,
    version: u64,
    progress: &Progress<'_>,
    tries: &mut u32,
) -> Result<Option<Outcome>, Failure> {
    let path = ["releases", &format!("v{version}"), "progress", ""];
    let Some(mut lines) = session.lines(&path, &[], PROGRESS_MEDIA_TYPE).await? else { return Ok(None) };
    while let Some(told) = lines.next_object().await? {
        *tries = 0;
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
