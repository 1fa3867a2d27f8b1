use std::collections::BTreeMap;

use clap::Args;
use deis_api::rest::Services;
use deis_cli::{Failure, OutputArgs};

use crate::app::AppArgs;
use crate::context::Context;
use crate::format;

/// List the process types that have paths of an app, and which
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    app: AppArgs,
}

impl List {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let Services { services } = session.get(&["services", ""]).await?;
        let services = services.into_iter().map(|service| (service.procfile_type, service.path_pattern));
        let services = services.collect::<BTreeMap<_, _>>();
        self.output.show(&mut context.ui, &services, |ui, services| {
            ui.line(format_args!("=== {} Services", session.app))?;
            format::block(ui, services, format::GAP)
        })
    }
}
