use std::io;

use clap::Args;
use deis_api::rest::Release;
use deis_cli::{Failure, OutputArgs, Ui, row};

use crate::app::AppArgs;
use crate::commands::apps::logs::line::harmless;
use crate::context::Context;

/// Of `failed:`, with the gap behind it as wide as behind the others.
const LABEL_WIDTH: u16 = 7;

/// Show what is known about a release
#[derive(Debug, Args)]
pub struct Info {
    /// The release, ex: v3
    #[arg(value_name = "version")]
    version: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    app: AppArgs,
}

impl Info {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let version = super::version(&self.version)?;
        let session = context.app(&self.app)?;
        let release = session.get::<Release>(&["releases", &format!("v{version}"), ""]).await?;
        self.output.show(&mut context.ui, &release, show)
    }
}

fn show(ui: &mut Ui, release: &Release) -> io::Result<()> {
    ui.line(format_args!("=== {} Release v{}", release.app, release.version))?;
    if let Some(build) = release.build {
        ui.line(format_args!("build:    {build}"))?;
    }
    ui.line(format_args!("config:   {}", release.config))?;
    ui.line(format_args!("owner:    {}", release.owner))?;
    ui.line(format_args!("created:  {}", release.created))?;
    ui.line(format_args!("summary:  {}", release.summary))?;
    ui.line(format_args!("updated:  {}", release.updated))?;
    ui.line(format_args!("uuid:     {}", release.uuid))?;
    if release.failed { show_failure(ui, release) } else { Ok(()) }
}

/// The code, why with the next step, and the last lines of the process.
fn show_failure(ui: &mut Ui, release: &Release) -> io::Result<()> {
    if let Some(code) = &release.code {
        ui.line(format_args!("code:     {code}"))?;
    }
    let why = release.exception.as_deref().map_or("it is not known why", |why| why.trim_start_matches("error: "));
    ui.line(row([("failed:", LABEL_WIDTH)], &harmless(why)))?;
    if release.log_tail.is_empty() {
        return Ok(());
    }
    let lines = release.log_tail.iter().map(|line| harmless(line)).collect::<Vec<_>>();
    ui.line(row([("lines:", LABEL_WIDTH)], &lines.join("\n")))
}
