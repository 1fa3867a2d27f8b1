use clap::Args;
use deis_api::rest::API_VERSION;
use deis_cli::{Failure, OutputArgs};
use serde::Serialize;

use crate::context::{Context, ProfileArgs};

/// Show the version of this program
#[derive(Debug, Args)]
pub struct Version {
    /// Show the versions of the API too, ours and the controller's
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    profile: ProfileArgs,
}

#[derive(Serialize)]
struct Versions {
    client: &'static str,
    client_api: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    controller_api: Option<String>,
}

impl Version {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let controller_api = match self.all {
            true => Some(context.session(&self.profile)?.api.version().await?),
            false => None,
        };
        let versions = Versions { client: env!("CARGO_PKG_VERSION"), client_api: API_VERSION, controller_api };
        self.output.show(&mut context.ui, &versions, |ui, versions| match &versions.controller_api {
            None => ui.line(versions.client),
            Some(controller) => {
                ui.line(format_args!("Workflow CLI Version:            {}", versions.client))?;
                ui.line(format_args!("Workflow CLI API Version:        {}", versions.client_api))?;
                ui.line(format_args!("Workflow Controller API Version: {controller}"))
            }
        })
    }
}
