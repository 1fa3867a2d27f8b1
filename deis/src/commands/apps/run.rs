use std::time::Duration;

use clap::Args;
use deis_api::rest::{self, RunEnded, RunStarted};
use deis_api::session::Order;
use deis_cli::Failure;
use deis_cli::deadline::duration;

use crate::api::Wait;
use crate::app::{AppArgs, AppSession};
use crate::context::Context;
use crate::terminal;

/// How long a command may take that somebody waits for, as the controller has it.
const USUAL: Duration = Duration::from_secs(20 * 60);
/// How much longer its answer may take: it has to be started first.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// Run a command once, in the app's image and environment
#[derive(Debug, Args)]
pub struct Run {
    /// The command and its arguments, for a shell in the app's container
    #[arg(required = true, trailing_var_arg = true, value_name = "command")]
    command: Vec<String>,
    /// Do not wait for its end: 'deis logs --process run' shows what it prints
    #[arg(short, long)]
    detach: bool,
    /// Hand it what comes on the standard input, as is done on a terminal
    #[arg(short, long, conflicts_with = "detach")]
    interactive: bool,
    /// Give it no terminal, also where there is one
    #[arg(short = 'T', long)]
    no_tty: bool,
    /// How long it may take, in seconds or with a unit: 90s, 5m [default: 20m; on a terminal, with -i and -d: 24h]
    #[arg(long, value_name = "duration", value_parser = duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    app: AppArgs,
}

impl Run {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let command = self.command.join(" ");
        let body = rest::Run { command: Some(command.clone()), timeout: self.timeout.map(|limit| limit.as_secs()) };
        if self.detach {
            return detach(session, context, &body).await;
        }
        let terminal = terminal::offered(!self.no_tty);
        if terminal.is_some() || !self.interactive {
            context.ui.line(format_args!("Running '{command}'..."))?;
        }
        if terminal.is_some() || self.interactive {
            let order = Order { command: self.command, terminal, timeout: body.timeout };
            return terminal::carry_out(&session, &["run", "attach"], &order).await;
        }
        let goes_on = format!(
            "The command goes on without you; 'deis logs -a {} --process run' shows what it prints.",
            session.app
        );
        let wait = Wait::Upto(self.timeout.unwrap_or(USUAL) + MARGIN);
        // What it prints is told once.
        let session = session.waiting(wait).unless_heard();
        let RunEnded { exit_code, output } = session.change(&["run", ""], &body, &goes_on).await?;
        if exit_code == 0 {
            return Ok(context.ui.text(output)?);
        }
        context.ui.warn_text(output)?;
        Err(Failure::ended(u8::try_from(exit_code).unwrap_or(1)))
    }
}

async fn detach(session: AppSession, context: &mut Context, body: &rest::Run) -> Result<(), Failure> {
    let session = session.waiting(Wait::Recorded);
    let goes_on = format!("The command may have been started; 'deis logs -a {}' says so.", session.app);
    let RunStarted { pod } = session.change(&["run", ""], body, &goes_on).await?;
    context.ui.line(format_args!("Started as {pod}."))?;
    let text = format!("See what it prints with 'deis logs -a {} --process run'.", session.app);
    Ok(context.ui.line(text)?)
}
