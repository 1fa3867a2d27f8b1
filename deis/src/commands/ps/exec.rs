use clap::Args;
use deis_api::rest::PodList;
use deis_api::session::Order;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;
use crate::terminal;

/// Run a command in a process's container, beside the process
#[derive(Debug, Args)]
pub struct Exec {
    /// The process, by its name in 'deis ps'
    #[arg(value_name = "process")]
    process: String,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "command")]
    command: Vec<String>,
    /// Give it no terminal, also where there is one
    #[arg(short = 'T', long)]
    no_tty: bool,
    #[command(flatten)]
    app: AppArgs,
}

impl Exec {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let full = format!("{}-{}", session.app, self.process);
        let pods = session.get::<PodList>(&["pods", ""]).await?.results;
        let pod = pods.into_iter().find(|pod| pod.name == self.process || pod.name == full).ok_or_else(|| {
            Failure::new(format!("There is no process {} in app {}", self.process, session.app))
                .hint(format!("'deis ps -a {}' lists what runs.", session.app))
        })?;
        let order = Order { command: self.command, terminal: terminal::offered(!self.no_tty), timeout: None };
        terminal::carry_out(&session, &["pods", &pod.kind, &pod.name, "exec"], &order).await
    }
}
