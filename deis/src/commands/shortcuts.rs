use std::collections::BTreeMap;

use clap::Args;
use deis_cli::{Failure, OutputArgs};

use crate::cli;
use crate::context::Context;

/// List the short names of commands
#[derive(Debug, Args)]
pub struct Shortcuts {
    #[command(flatten)]
    output: OutputArgs,
}

impl Shortcuts {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        let shortcuts = cli::shortcuts().into_iter().collect::<BTreeMap<_, _>>();
        self.output.show(&mut context.ui, &shortcuts, |ui, shortcuts| {
            shortcuts.iter().try_for_each(|(name, target)| ui.line(format_args!("{name} -> {target}")))?;
            ui.line("")
        })
    }
}
