use std::io;

use clap::Args;
use deis_api::rest::Release;
use deis_cli::{Failure, OutputArgs, Ui};

use crate::app::AppArgs;
use crate::context::Context;

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
    ui.line(format_args!("uuid:     {}", release.uuid))
}
