use clap::Args;
use deis_api::rest::Domain;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::{Context, PageArgs};
use crate::exec;

/// The program that shows an address in the user's browser.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Open an app in the browser
#[derive(Debug, Args)]
pub struct Open {
    #[command(flatten)]
    app: AppArgs,
}

impl Open {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let domains = session.list::<Domain>(&["domains", ""], &PageArgs { limit: Some(1) }).await?;
        let Some(domain) = domains.results.first() else {
            return Err(Failure::new(format!("No domain assigned to {}", session.app)));
        };
        let address = format!("http://{}", session.controller().app_address(&domain.domain));
        match exec::run(OPENER, [&address]) {
            Ok(output) if output.status.success() => Ok(()),
            _ => Err(Failure::new(format!("no browser could be started ({OPENER})"))
                .hint(format!("The app is at {address}"))),
        }
    }
}
