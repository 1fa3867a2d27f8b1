//! The git remotes of apps.

pub mod remote;
pub mod remove;

use deis_api::AppName;
use deis_cli::Failure;

use crate::git::{self, Remote};

/// The remote of `git push deis master`.
pub const DEFAULT_REMOTE: &str = "deis";

/// Removes those of the remotes that are an app's, and says how many there were.
pub fn remove_all(remotes: Vec<Remote>, url: &str) -> Result<usize, git::Error> {
    let remotes = remotes.into_iter().filter(|remote| remote.url == url).collect::<Vec<_>>();
    remotes.iter().try_for_each(|remote| git::remove_remote(&remote.name))?;
    Ok(remotes.len())
}

/// Adds the remote of a new app.
pub fn add(name: &str, url: &str, app: &AppName) -> Result<(), Failure> {
    let hint = format!("The app exists. In its git repository, 'deis git:remote -a {app}' adds the remote.");
    let remotes = git::remotes().map_err(|error| Failure::from(error).hint(hint.clone()))?;
    if remotes.iter().any(|remote| remote.name == name) {
        return Err(Failure::new(format!(
            "A git remote with the name {name} already exists. To overwrite this remote run:\n\
             deis git:remote --force --remote {name} --app {app}"
        )));
    }
    git::add_remote(name, url).map_err(|error| Failure::from(error).hint(hint))
}
