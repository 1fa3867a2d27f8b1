//! One file for each command.

pub(crate) mod build;
pub(crate) mod down;
pub(crate) mod env;
pub(crate) mod exec;
pub(crate) mod load;
pub(crate) mod logs;
pub(crate) mod status;
pub(crate) mod up;

use std::io::Write;

use anyhow::Result;

/// Prints a line of the answer.
fn print(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// Tells how it goes, where it does not mix with the answer.
fn tell(line: &str) -> Result<()> {
    writeln!(std::io::stderr(), "{line}")?;
    Ok(())
}

/// Tells what went wrong, from the outermost layer in.
pub(crate) fn complain(error: &anyhow::Error) {
    // Nobody is left to tell if this fails.
    writeln!(std::io::stderr(), "deis-node: {error:#}").ok();
}
