use clap::Args;
use deis_api::ProcType;
use deis_api::rest::Autoscale;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;

/// Scale processes by how much CPU they use, from as many as run now
///
/// A deploy goes on with as many as there are. 'deis ps:scale' within the two numbers is where it goes on from, and 0 stops all of them.
#[derive(Debug, Args)]
pub struct Set {
    /// Process type, ex: web
    #[arg(value_name = "type")]
    kind: ProcType,
    /// The least that run, at least 1
    #[arg(long, value_name = "num")]
    min: u32,
    /// The most that run
    #[arg(long, value_name = "num")]
    max: u32,
    /// How much of the CPU that they ask for they are to use, in percent; 'deis limits:set --cpu' sets what they ask for
    #[arg(long, value_name = "num")]
    cpu_percent: u32,
    #[command(flatten)]
    app: AppArgs,
}

impl Set {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Self { kind, min, max, cpu_percent, app } = self;
        let session = context.app(&app)?;
        let label = format!("Applying autoscale settings for process type {kind} on {}... ", session.app);
        super::change(context, &session, label, &kind, Some(Autoscale { min, max, cpu_percent })).await
    }
}
