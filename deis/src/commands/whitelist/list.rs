use clap::Args;
use deis_api::rest::Whitelist;
use deis_cli::{Failure, OutputArgs};

use crate::app::AppArgs;
use crate::context::Context;

/// List the addresses and networks that may call an app; everybody may while there are none
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
        let Whitelist { addresses } = session.get(&["whitelist", ""]).await?;
        self.output.show(&mut context.ui, &addresses, |ui, addresses| {
            ui.line(format_args!("=== {} Whitelisted Addresses", session.app))?;
            addresses.iter().try_for_each(|address| ui.line(address))
        })
    }
}
