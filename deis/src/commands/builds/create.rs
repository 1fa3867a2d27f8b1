use std::collections::BTreeMap;
use std::{fs, io};

use clap::Args;
use deis_api::ProcType;
use deis_api::rest::NewBuild;
use deis_cli::Failure;
use serde::de::IgnoredAny;

use crate::app::ChangeArgs;
use crate::context::Context;

const PROCFILE: &str = "Procfile";

/// Deploy an image that was built elsewhere
#[derive(Debug, Args)]
pub struct Create {
    /// The image, ex: nginx or registry.example.com/team/web:1.2
    #[arg(value_name = "image")]
    image: String,
    /// Process types and their commands as YAML, ex: 'web: ./serve'; else the file Procfile, if there is one
    #[arg(short, long, value_name = "yaml")]
    procfile: Option<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Create {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let procfile = procfile(self.procfile)?;
        let session = context.app_to_change(&self.change)?;
        let progress = context.ui.progress("Creating build... ")?;
        let build = NewBuild { image: self.image, procfile, ..NewBuild::default() };
        // It has no release before the image is here.
        let goes_on =
            format!("The deploy of {0} goes on without you; 'deis releases -a {0}' shows how it ends.", session.app);
        let _: IgnoredAny = session.change(&["builds", ""], &build, &goes_on).await?;
        Ok(progress.done(session.done("done", session.watch()))?)
    }
}

fn procfile(option: Option<String>) -> Result<BTreeMap<String, String>, Failure> {
    let text = match option {
        Some(text) => text,
        None => match fs::read_to_string(PROCFILE) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(Failure::new(format!("{PROCFILE} cannot be read: {error}"))),
        },
    };
    parse(&text)
}

fn parse(text: &str) -> Result<BTreeMap<String, String>, Failure> {
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let entries: BTreeMap<String, Option<String>> = serde_saphyr::from_str(text).map_err(|error| {
        Failure::new(format!("the {PROCFILE} must be a map of type: command. {error}"))
            .hint("A line of it reads: web: ./serve --port $PORT")
    })?;
    let entry = |(kind, command): (String, Option<String>)| {
        let kind =
            kind.parse::<ProcType>().map_err(|error| Failure::new(format!("{PROCFILE}: \"{kind}\": {error}")))?;
        match command.map(|command| command.trim().to_owned()).filter(|command| !command.is_empty()) {
            Some(command) => Ok((kind.to_string(), command)),
            None => Err(Failure::new(format!("{PROCFILE}: \"{kind}\": Command can't be empty for process type"))),
        }
    };
    entries.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_commands_are_read_and_nothing_else() {
        let read = |text| {
            parse(text)
                .map(|map| map.into_iter().map(|(kind, command)| format!("{kind}={command}")).collect::<Vec<_>>())
        };
        assert_eq!(read("{web: ./serve, worker: 'work --fast'}").unwrap(), ["web=./serve", "worker=work --fast"]);
        assert_eq!(read("web: FOO=1 serve | tee log\n").unwrap(), ["web=FOO=1 serve | tee log"]);
        assert_eq!(read(" \n").unwrap(), Vec::<String>::new());
        for text in ["web", "- web", "web:", "web: ''", "Web: x", "web: [a]"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
