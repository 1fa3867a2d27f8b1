pub mod line;
mod seen;

use clap::Args;
use deis_api::ProcType;
use deis_api::rest::{LOG_MEDIA_TYPE, LogEntry};
use deis_cli::{Failure, Format, OutputArgs};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use self::seen::Seen;
use crate::api::{self, Lines, Rejoin, SILENCE};
use crate::app::{AppArgs, AppSession};
use crate::context::Context;

/// Objects, and text from a controller that has none.
const ACCEPT: &str = "application/x-ndjson, text/plain;q=0.5";

/// Show what an app prints and what happens to it
#[derive(Debug, Args)]
pub struct Logs {
    /// How many of the newest lines [default: 100]
    #[arg(short = 'n', long, value_name = "lines", value_parser = clap::value_parser!(u32).range(1..))]
    lines: Option<u32>,
    /// Go on with what comes, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Lines of this process type only
    #[arg(long, value_name = "type")]
    process: Option<ProcType>,
    /// Not older than this: how long ago (10m, 2h), or a time (2016-02-20T23:18:03Z)
    #[arg(long, value_name = "time")]
    since: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    app: AppArgs,
}

/// How an answer ended.
enum Ended {
    /// There is no more.
    Complete,
    /// It broke off.
    Cut(api::Error),
}

impl Logs {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let app = session.app.clone();
        let reading = async {
            if self.follow { self.follow(&session, context).await } else { self.once(&session, context).await }
        };
        tokio::select! {
            done = reading => done,
            _ = tokio::signal::ctrl_c() => Err(Failure::interrupted(format!("{app} goes on; 'deis logs' shows what it prints."))),
        }
    }

    async fn once(&self, session: &AppSession, context: &mut Context) -> Result<(), Failure> {
        let Some(mut lines) = session.lines(&["logs"], &self.query(), ACCEPT).await? else {
            return Err(self.nothing(session));
        };
        let mut seen = Seen::default();
        match self.show(&mut lines, context, &mut seen).await? {
            Ended::Complete if seen.is_empty() => Err(self.nothing(session)),
            Ended::Complete => Ok(()),
            Ended::Cut(error) => Err(error.into()),
        }
    }

    /// Joins again when the answer breaks off, and shows no line twice.
    async fn follow(&self, session: &AppSession, context: &mut Context) -> Result<(), Failure> {
        let mut seen = Seen::default();
        let mut lines = session.lines(&["logs"], &self.query(), ACCEPT).await?;
        if lines.as_ref().is_some_and(|lines| !lines.is_of(LOG_MEDIA_TYPE)) {
            return Err(Failure::new(format!("{} does not let its logs be followed.", session.controller()))
                .hint("Without --follow, 'deis logs' shows the newest lines."));
        }
        loop {
            if let Some(lines) = &mut lines {
                // That it ended is no reason to end: a controller sends its readers away when it is replaced.
                self.show(lines, context, &mut seen).await?;
            }
            lines = self.join_again(session, &mut seen).await?;
        }
    }

    async fn join_again(&self, session: &AppSession, seen: &mut Seen) -> Result<Option<Lines>, Failure> {
        let mut rejoin = Rejoin::new();
        loop {
            rejoin.pause().await;
            seen.come_again();
            let mut query = self.query();
            if let Some(since) = seen.since() {
                query.retain(|(name, _)| !matches!(*name, "since" | "log_lines"));
                query.extend([("since", since), ("log_lines", seen::MOST.to_string())]);
            }
            match session.lines(&["logs"], &query, ACCEPT).await {
                Ok(lines) => return Ok(lines),
                Err(failure) => rejoin.bear(failure)?,
            }
        }
    }

    /// Shows entries until the answer ends, or was quiet for too long.
    async fn show(&self, lines: &mut Lines, context: &mut Context, seen: &mut Seen) -> Result<Ended, Failure> {
        let objects = lines.is_of(LOG_MEDIA_TYPE);
        let mut quiet = interval_at(Instant::now() + SILENCE, SILENCE);
        quiet.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let line = tokio::select! {
                line = lines.next() => line,
                _ = quiet.tick() => return Ok(Ended::Cut(lines.silent(SILENCE))),
            };
            quiet.reset();
            match line {
                Ok(Some(line)) if objects && line.is_empty() => {}
                Ok(Some(line)) if objects => {
                    let entry: LogEntry = serde_json::from_str(&line)?;
                    if seen.is_new(&entry) {
                        self.entry(&entry, context)?;
                    }
                }
                Ok(Some(line)) => {
                    seen.note();
                    line::show(&mut context.ui, &line)?;
                }
                Ok(None) => return Ok(Ended::Complete),
                Err(error) => return Ok(Ended::Cut(error)),
            }
        }
    }

    fn entry(&self, entry: &LogEntry, context: &mut Context) -> Result<(), Failure> {
        let ui = &mut context.ui;
        match self.output.output {
            Format::Table => line::show(ui, &entry.to_string())?,
            // One object a line, so that a program can read them as they come.
            Format::Json => ui.line(serde_json::to_string(entry)?)?,
            Format::Yaml => {
                ui.line("---")?;
                self.output.show(ui, entry, |_, _| Ok(()))?;
            }
        }
        Ok(())
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = Vec::new();
        query.extend(self.lines.map(|lines| ("log_lines", lines.to_string())));
        query.extend(self.process.as_ref().map(|process| ("process", process.to_string())));
        query.extend(self.since.clone().map(|since| ("since", since)));
        query.extend(self.follow.then(|| ("follow", "true".to_owned())));
        query
    }

    fn nothing(&self, session: &AppSession) -> Failure {
        let app = &session.app;
        let failure = Failure::new(format!(
            "There are currently no log messages. Please check the following things:\n\
             1) Processes of the app run: deis ps -a {app}\n\
             2) They print to standard output or standard error, and not to files\n\
             3) They do not hold their lines back, as Python does without PYTHONUNBUFFERED=1\n\
             4) The platform's logger is up, which an administrator sees by: deisctl status logger logger-agent"
        ));
        if self.process.is_some() || self.since.is_some() {
            return failure.hint("Without --process and --since there may be more.");
        }
        failure
    }
}
