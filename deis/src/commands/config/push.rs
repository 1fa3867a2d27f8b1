use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use deis_cli::Failure;

use super::dotenv;
use crate::app::ChangeArgs;
use crate::context::Context;

/// Set an app's environment variables from a file or a pipe, which makes a release
#[derive(Debug, Args)]
pub struct Push {
    /// The file; else what is piped in, else .env
    #[arg(short, long, value_name = "path")]
    path: Option<PathBuf>,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Push {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let values = super::set::parse(&dotenv::lines(&self.text()?))?;
        super::set::send(context, &self.change, values).await
    }

    /// A script without a terminal pipes often nothing: then the file is meant.
    fn text(&self) -> Result<String, Failure> {
        if self.path.is_none() && !io::stdin().is_terminal() {
            let piped = io::read_to_string(io::stdin())?;
            if !piped.trim().is_empty() {
                return Ok(piped);
            }
        }
        let path = self.path.as_deref().unwrap_or(Path::new(dotenv::NAME));
        let text = dotenv::load(path)?;
        text.ok_or_else(|| {
            Failure::new(format!("{} does not exist", path.display())).hint("--path names another file.")
        })
    }
}
