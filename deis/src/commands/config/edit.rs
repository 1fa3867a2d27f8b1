use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::io::{self, IsTerminal};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use clap::Args;
use deis_api::rest::{Config, Secret};
use deis_cli::{Failure, Kind};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use super::dotenv;
use crate::app::{AppSession, ChangeArgs};
use crate::context::Context;
use crate::exec;

/// Edit an app's environment variables in $VISUAL or $EDITOR, which makes a release
#[derive(Debug, Args)]
pub struct Edit {
    #[command(flatten)]
    change: ChangeArgs,
}

/// The file that is edited, in a folder of its own, which also holds what the editor leaves. It goes when this is dropped.
struct Draft {
    folder: TempDir,
    path: PathBuf,
}

impl Edit {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        if !io::stdin().is_terminal() || !context.ui.is_watched() {
            return Err(Failure::new("there is no terminal to edit on")
                .hint("In a script, 'deis config:set', 'config:unset' and 'config:push' change variables."));
        }
        let session = context.app_to_change(&self.change)?;
        // Handled, so that the draft is removed. SIGINT is here for the editor's sake: it decides what Ctrl-C means.
        let _interrupt = signal(SignalKind::interrupt())?;
        let (mut terminate, mut hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
        let stopped = format!("'deis config -a {}' shows what is set", session.app);
        tokio::select! {
            done = edit(context, &session) => done,
            _ = terminate.recv() => Err(Failure::interrupted(stopped)),
            _ = hangup.recv() => Err(Failure::interrupted(stopped)),
        }
    }
}

async fn edit(context: &mut Context, session: &AppSession) -> Result<(), Failure> {
    let before = super::plain(&session.get::<Config>(&["config", ""]).await?);
    let (text, left_out) = dotenv::write(&before);
    let draft = Draft::new(session.app.as_str(), &(head(session.app.as_str(), &left_out) + &text))?;
    open(&context.environment.editor, &draft.path).await?;

    let text = match dotenv::load(&draft.path) {
        Ok(text) => text.unwrap_or_default(),
        Err(error) => return Err(draft.keep(error.into())),
    };
    // Nobody takes out the head to unset everything.
    if text.trim().is_empty() {
        return Err(
            Failure::new("the file is empty: nothing was changed").hint("'deis config:unset' unsets variables.")
        );
    }
    let after = match parse(&text) {
        Ok(after) => after,
        Err(line) => {
            let failure = Failure::new(format!("line {line} is not of the form KEY=value: nothing was changed"));
            return Err(draft.keep(failure));
        }
    };
    let change = difference(&before, after, &left_out);
    if change.is_empty() {
        return Ok(context.ui.line("No variable differs: nothing was changed, and no release made.")?);
    }
    announce(context, &change)?;
    match super::change(context, session, "Changing config... ", change).await {
        // Whoever stops to wait does not stop the change.
        Err(failure) if failure.kind() == Kind::Error => Err(draft.keep(failure)),
        outcome => outcome,
    }
}

/// What stands above the variables.
fn head(app: &str, left_out: &[&str]) -> String {
    let stay =
        left_out.iter().map(|key| format!("# {key} has several lines, which one cannot hold: it stays as it is. 'deis config:set --stdin {key}' sets it.\n"));
    let mut text =
        format!("# Variables of {app}, one KEY=value to a line. A line that is taken out unsets its variable.\n");
    text.extend(stay);
    text
}

/// Lets the person edit the file, until the editor ends.
async fn open(editor: &str, path: &Path) -> Result<(), Failure> {
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let arguments = words.map(Into::into).chain([path.as_os_str().to_owned()]);
    let status = exec::run_on_terminal(program, arguments).await.map_err(|error| {
        Failure::new(format!("the editor '{editor}' cannot be started: {error}"))
            .hint("VISUAL or EDITOR names another one.")
    })?;
    match status.signal() {
        Some(_) => Err(Failure::interrupted("nothing was changed")),
        None if status.success() => Ok(()),
        None => Err(Failure::new(format!("the editor '{editor}' failed ({status}): nothing was changed"))),
    }
}

/// The variables, or the number of the first line that is none.
fn parse(text: &str) -> Result<BTreeMap<String, Secret>, usize> {
    let lines = (1..).zip(text.lines().map(|line| line.replace('\r', "")));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| super::set::pair(&line).ok_or(number))
        .collect()
}

/// What must be set, and, without a value, unset. What was left out of the file is not taken out of it.
fn difference(
    before: &BTreeMap<String, String>,
    after: BTreeMap<String, Secret>,
    left_out: &[&str],
) -> BTreeMap<String, Option<Secret>> {
    let kept = after.keys().map(String::as_str).chain(left_out.iter().copied()).collect::<BTreeSet<_>>();
    let unset = before.keys().filter(|key| !kept.contains(key.as_str())).map(|key| (key.clone(), None));
    let mut change = unset.collect::<BTreeMap<_, _>>();
    let set = after.into_iter().filter(|(key, value)| before.get(key).is_none_or(|old| old != value.expose()));
    change.extend(set.map(|(key, value)| (key, Some(value))));
    change
}

/// Says which variables change; their values are nobody's business.
fn announce(context: &mut Context, change: &BTreeMap<String, Option<Secret>>) -> io::Result<()> {
    for (verb, is_set) in [("Setting", true), ("Unsetting", false)] {
        let keys = change.iter().filter(|(_, value)| value.is_some() == is_set).map(|(key, _)| key.as_str());
        let keys = keys.collect::<Vec<_>>();
        if !keys.is_empty() {
            context.ui.line(format_args!("{verb} {}", keys.join(", ")))?;
        }
    }
    Ok(())
}

impl Draft {
    fn new(app: &str, text: &str) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("deis-").permissions(Permissions::from_mode(0o700)).tempdir()?;
        let path = folder.path().join(format!("{app}.env"));
        dotenv::store(&path, text)?;
        Ok(Self { folder, path })
    }

    /// Leaves the file where it is, and says so.
    fn keep(self, failure: Failure) -> Failure {
        let _path = self.folder.keep();
        let path = self.path.display();
        failure.hint(format!(
            "Your text is kept in {path}; 'deis config:push --path {path}' sets what stands in it, and unsets nothing. \
             Remove it then: its values may be secrets."
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_pair_is_named_by_its_number() {
        assert_eq!(parse("# note\n\nA=1\r\nB=x=y\n").unwrap().len(), 2);
        assert_eq!(parse("A=1\n\nno pair\n").unwrap_err(), 3);
        assert_eq!(parse("A=1\n  \n").unwrap_err(), 2);
    }

    #[test]
    fn what_differs_is_set_and_what_is_gone_is_unset() {
        let before = [("A", "1"), ("B", "2"), ("C", "3"), ("PEM", "x\ny")];
        let before = before.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let change = difference(&before, parse("A=1\nB=4\nD=\n").unwrap(), &["PEM"]);
        let change = change.iter().map(|(key, value)| (key.as_str(), value.as_ref().map(Secret::expose)));
        assert_eq!(change.collect::<Vec<_>>(), [("B", Some("4")), ("C", None), ("D", Some(""))]);
    }
}
