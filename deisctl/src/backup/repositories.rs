//! The apps' git repositories: a bundle of each, made and read by git in the builder's pod. A bundle is of one moment, whatever is
//! pushed meanwhile.

use std::io::Cursor;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::manifest::Repository;
use super::shell::{Reader, Script, Shell, ShellError};

const LIST: Script = Script { doing: "lists the repositories", text: include_str!("scripts/repositories.sh") };
const BUNDLE: Script = Script { doing: "bundles a repository", text: include_str!("scripts/bundle.sh") };
const UNBUNDLE: Script = Script { doing: "makes a repository of a bundle", text: include_str!("scripts/unbundle.sh") };
const STAGED: Script = Script { doing: "looks for the new repositories", text: include_str!("scripts/staged.sh") };
const PLACE: Script = Script {
    doing: "puts the repositories in their place",
    text: concat!(include_str!("scripts/staged.sh"), include_str!("scripts/place.sh")),
};
const ABANDON: Script = Script { doing: "removes the new repositories", text: include_str!("scripts/abandon.sh") };

/// Exit status of the script when there is no such repository.
const GONE: i32 = 44;

/// All with something in them.
pub(crate) async fn list(shell: &impl Shell) -> Result<Vec<Repository>, ShellError> {
    let listed = shell.ask(LIST, &[]).await?;
    let parsed = listed.lines().filter_map(|line| {
        let (app, head) = line.split_once(' ')?;
        // Nothing else is an app's.
        Some(Repository { app: app.parse().ok()?, head: head.to_owned() })
    });
    Ok(parsed.collect())
}

/// Bundles one. `None` when it is gone, as with its app.
pub(crate) async fn bundle<T, E: From<ShellError>>(
    shell: &impl Shell,
    repository: &Repository,
    take: impl AsyncFnOnce(Reader) -> Result<T, E>,
) -> Result<Option<T>, E> {
    let taking = async |stdout| take(stdout).await.map_err(Ended::Taker);
    match shell.read(BUNDLE, &[repository.app.as_str()], taking).await {
        Ok(taken) => Ok(Some(taken)),
        Err(Ended::Script(ShellError::Failed { status: GONE, .. })) => Ok(None),
        Err(Ended::Script(error)) => Err(error.into()),
        Err(Ended::Taker(error)) => Err(error),
    }
}

/// Who failed.
enum Ended<E> {
    Script(ShellError),
    Taker(E),
}

impl<E> From<ShellError> for Ended<E> {
    fn from(error: ShellError) -> Self {
        Self::Script(error)
    }
}

/// Makes a repository of a bundle beside the one in use, checks that it is whole and, unless a restore is named that keeps it,
/// removes it. Gives those of the commits that it does not have: a later push has taken their branch away.
pub(crate) async fn unbundle(
    shell: &impl Shell,
    repository: &Repository,
    restore: Option<&str>,
    commits: &[&str],
    bundle: impl AsyncRead + Unpin,
) -> Result<Vec<String>, ShellError> {
    let arguments = [repository.app.as_str(), repository.head.as_str(), restore.unwrap_or_default()];
    // An argument is a part of an address, which has an end.
    let commits = commits.iter().map(|commit| format!("{commit}\n")).chain(["\n".to_owned()]).collect::<String>();
    let missing = shell.feed(UNBUNDLE, &arguments, Cursor::new(commits).chain(bundle)).await?;
    Ok(missing.lines().map(str::to_owned).collect())
}

/// Fails unless a restore has kept all of these.
pub(crate) async fn staged(shell: &impl Shell, restore: &str, wanted: &[Repository]) -> Result<(), ShellError> {
    shell.feed(STAGED, &[restore], Cursor::new(names(wanted))).await?;
    Ok(())
}

/// Puts all that a restore has kept, which must be these, in the place of those in use. Any other that has been in use is set aside,
/// where nobody reaches it. Gives the paths of all that stand aside.
pub(crate) async fn place(shell: &impl Shell, restore: &str, wanted: &[Repository]) -> Result<Vec<String>, ShellError> {
    let aside = shell.feed(PLACE, &[restore], Cursor::new(names(wanted))).await?;
    Ok(aside.lines().map(str::to_owned).collect())
}

fn names(repositories: &[Repository]) -> String {
    repositories.iter().map(|repository| format!("{}\n", repository.app)).collect()
}

/// Removes all that this restore, or any, has kept and not placed.
pub(crate) async fn abandon(shell: &impl Shell, restore: Option<&str>) -> Result<(), ShellError> {
    shell.ask(ABANDON, restore.as_slice()).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
