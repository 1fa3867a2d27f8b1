use clap::Args;
use deis_api::ProcType;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;

/// Keep as many processes as run now, however much CPU they use
#[derive(Debug, Args)]
pub struct Unset {
    /// Process type, ex: web
    #[arg(value_name = "type")]
    kind: ProcType,
    #[command(flatten)]
    app: AppArgs,
}

impl Unset {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let label = format!("Removing autoscale for process type {} on {}... ", self.kind, session.app);
        super::change(context, &session, label, &self.kind, None).await
    }
}
