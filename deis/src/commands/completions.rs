use clap::{Args, CommandFactory};
use deis_cli::{Failure, Shell, completions};

use crate::cli::Cli;
use crate::context::Context;

/// Print a shell's completion script, ex: source <(deis completions bash)
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "shell")]
    shell: Shell,
}

impl Completions {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        Ok(context.ui.text(completions(Cli::command(), self.shell))?)
    }
}
