use clap::Args;
use deis_api::rest::Tls;
use deis_cli::{Failure, OutputArgs};

use crate::app::AppArgs;
use crate::context::Context;

/// Show whether an app is served with https alone
#[derive(Debug, Args)]
pub struct Info {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    app: AppArgs,
}

impl Info {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let tls = session.get::<Tls>(&["tls", ""]).await?;
        self.output.show(&mut context.ui, &tls, |ui, tls| {
            let enforced = tls.https_enforced.map_or_else(|| "not set".to_owned(), |on| on.to_string());
            ui.line(format_args!("=== {} TLS", session.app))?;
            ui.line(format_args!("HTTPS Enforced: {enforced}"))
        })
    }
}
