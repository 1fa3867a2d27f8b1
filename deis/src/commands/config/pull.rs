use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use deis_api::rest::Config;
use deis_cli::Failure;

use super::dotenv;
use crate::app::AppArgs;
use crate::context::Context;

/// Write an app's environment variables to the file .env; into a pipe, print them
#[derive(Debug, Args)]
pub struct Pull {
    /// Ask for each variable whose value in the file is another
    #[arg(short, long)]
    interactive: bool,
    /// Replace the file
    #[arg(short, long)]
    overwrite: bool,
    #[command(flatten)]
    app: AppArgs,
}

impl Pull {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let values = super::plain(&context.app(&self.app)?.get::<Config>(&["config", ""]).await?);
        if !context.ui.is_watched() {
            let (text, left_out) = dotenv::write(&values);
            context.ui.text(text)?;
            return warn(context, &left_out);
        }

        let path = Path::new(dotenv::NAME);
        let values = match dotenv::load(path)? {
            Some(text) if self.interactive => merge(&text, values)?,
            Some(_) if !self.overwrite => {
                return Err(Failure::new(format!("{} already exists, pass -o to overwrite", dotenv::NAME)));
            }
            _ => values,
        };
        let (text, left_out) = dotenv::write(&values);
        dotenv::store(path, &text)?;
        warn(context, &left_out)
    }
}

fn warn(context: &mut Context, left_out: &[&str]) -> Result<(), Failure> {
    for key in left_out {
        context
            .ui
            .warn(format_args!("{key} has several lines, which a line of {} cannot hold: left out", dotenv::NAME))?;
    }
    Ok(())
}

/// The file's variables and the app's; the person decides where they differ.
fn merge(file: &str, remote: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Failure> {
    let mut merged = BTreeMap::new();
    for (key, value) in super::set::parse(&dotenv::lines(file))? {
        merged.extend(value.map(|value| (key, value.expose().to_owned())));
    }
    for (key, value) in remote {
        let overwrite = match merged.get(&key) {
            Some(local) if *local != value => {
                let question = format!("{key}: overwrite {local} with {value}? (y/N)");
                deis_cli::ask(&question, "--overwrite")?.eq_ignore_ascii_case("y")
            }
            _ => true,
        };
        if overwrite {
            merged.insert(key, value);
        }
    }
    Ok(merged)
}
