use clap::CommandFactory as _;
use deis_cli::{Failure, Shell, Ui};

use crate::cli::Cli;

/// Print the completion script of a shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: Args, ui: &mut Ui) -> Result<(), Failure> {
    Ok(ui.text(deis_cli::completions(Cli::command(), args.shell))?)
}
