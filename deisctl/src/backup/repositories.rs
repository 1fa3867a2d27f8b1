//! The apps' git repositories: a bundle of each, made and read by git in the builder's pod. A bundle is of one moment, whatever is
//! pushed meanwhile.

use tokio::io::AsyncRead;

use super::manifest::Repository;
use super::shell::{Reader, Script, Shell, ShellError};

const LIST: Script = Script { doing: "lists the repositories", text: include_str!("scripts/repositories.sh") };
const BUNDLE: Script = Script { doing: "bundles a repository", text: include_str!("scripts/bundle.sh") };
const UNBUNDLE: Script = Script { doing: "makes a repository of a bundle", text: include_str!("scripts/unbundle.sh") };
const PLACE: Script = Script { doing: "puts the repositories in their place", text: include_str!("scripts/place.sh") };
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

/// Makes a repository of a bundle beside the one in use, checks that it is whole and, unless it is to be kept, removes it. Gives
/// those of the commits that it does not have: a later push has taken their branch away.
pub(crate) async fn unbundle(
    shell: &impl Shell,
    repository: &Repository,
    keep: bool,
    commits: &[&str],
    bundle: impl AsyncRead + Unpin,
) -> Result<Vec<String>, ShellError> {
    let mut arguments = vec![repository.app.as_str(), repository.head.as_str(), if keep { "keep" } else { "drop" }];
    arguments.extend(commits);
    let missing = shell.feed(UNBUNDLE, &arguments, bundle).await?;
    Ok(missing.lines().map(str::to_owned).collect())
}

/// Puts all that were kept in the place of those in use.
pub(crate) async fn place(shell: &impl Shell) -> Result<(), ShellError> {
    shell.ask(PLACE, &[]).await?;
    Ok(())
}

/// Removes all that were kept and not placed.
pub(crate) async fn abandon(shell: &impl Shell) -> Result<(), ShellError> {
    shell.ask(ABANDON, &[]).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
