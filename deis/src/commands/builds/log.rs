use clap::Args;
use deis_api::rest::Build;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::{Context, PageArgs};

/// Show once more what a build printed
#[derive(Debug, Args)]
pub struct Log {
    /// The build, as builds:list shows it; else the last one
    #[arg(value_name = "uuid")]
    uuid: Option<String>,
    #[command(flatten)]
    app: AppArgs,
}

impl Log {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let uuid = match self.uuid {
            Some(uuid) => uuid,
            None => {
                let last = session.list::<Build>(&["builds", ""], &PageArgs { limit: Some(1) }).await?;
                let Some(build) = last.results.first() else {
                    return Err(Failure::new(format!("{} has no builds", session.app))
                        .hint("'git push deis master' makes one."));
                };
                build.uuid.to_string()
            }
        };
        let text = session.text(&["builds", &uuid, "log"]).await?;
        if text.is_empty() {
            return Ok(context.ui.warn(format_args!("Build {uuid} printed nothing."))?);
        }
        context.ui.text(&text)?;
        if text.ends_with('\n') { Ok(()) } else { Ok(context.ui.line("")?) }
    }
}
