use std::io;

use clap::Args;
use deis_api::rest::Build;
use deis_cli::{Failure, OutputArgs, Ui};

use crate::app::AppArgs;
use crate::context::Context;

/// Show what is known about a build
#[derive(Debug, Args)]
pub struct Info {
    /// The build, as builds:list shows it
    #[arg(value_name = "uuid")]
    uuid: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    app: AppArgs,
}

impl Info {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let build = context.app(&self.app)?.get::<Build>(&["builds", &self.uuid, ""]).await?;
        self.output.show(&mut context.ui, &build, show)
    }
}

fn show(ui: &mut Ui, build: &Build) -> io::Result<()> {
    ui.line(format_args!("=== {} Build {}", build.app, build.uuid))?;
    ui.line(format_args!("state:    {}", build.state))?;
    if let Some(failure) = &build.failure {
        ui.line(format_args!("failure:  {failure}"))?;
    }
    if !build.sha.is_empty() {
        ui.line(format_args!("sha:      {}", build.sha))?;
    }
    if !build.image.is_empty() {
        ui.line(format_args!("image:    {}", build.image))?;
    }
    ui.line(format_args!("owner:    {}", build.owner))?;
    ui.line(format_args!("created:  {}", build.created))?;
    ui.line(format_args!("updated:  {}", build.updated))?;
    if build.procfile.is_empty() {
        return Ok(());
    }
    ui.line(format_args!("\n=== {} Procfile", build.app))?;
    build.procfile.iter().try_for_each(|(kind, command)| ui.line(format_args!("{kind}: {command}")))
}
