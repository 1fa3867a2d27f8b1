//! The git remotes of the current directory.

use std::io;

use crate::exec;

/// One line of `git remote -v` about pushing.
#[derive(Debug, Eq, PartialEq)]
pub struct Remote {
    pub name: String,
    pub url: String,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("git cannot be started; is it installed?")]
    NotStarted(#[source] io::Error),
    #[error("Error when running 'git {command}'\n{said}")]
    Failed { command: String, said: String },
    #[error("Invalid output in 'git remote -v'")]
    Unreadable,
}

pub fn remotes() -> Result<Vec<Remote>, Error> {
    parse(&git(&["remote", "-v"])?)
}

pub fn add_remote(name: &str, url: &str) -> Result<(), Error> {
    git(&["remote", "add", "--", name, url]).map(drop)
}

pub fn remove_remote(name: &str) -> Result<(), Error> {
    git(&["remote", "remove", "--", name]).map(drop)
}

fn git(arguments: &[&str]) -> Result<String, Error> {
    let output = exec::run("git", arguments).map_err(Error::NotStarted)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let shown = arguments.iter().copied().filter(|argument| *argument != "--").collect::<Vec<_>>();
    let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    Err(Error::Failed { command: shown.join(" "), said })
}

fn parse(listing: &str) -> Result<Vec<Remote>, Error> {
    let remote = |line: &str| {
        let (name, rest) = line.split_once('\t')?;
        // A URL may hold blanks; the direction is the last word.
        let (url, direction) = rest.rsplit_once(' ')?;
        Some((Remote { name: name.to_owned(), url: url.to_owned() }, direction == "(push)"))
    };
    let lines = listing.lines().map(remote).collect::<Option<Vec<_>>>().ok_or(Error::Unreadable)?;
    Ok(lines.into_iter().filter_map(|(remote, push)| push.then_some(remote)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_push_lines_are_read() {
        let listing = "deis\tssh://git@deis-builder.example.com:2222/foo.git (fetch)\n\
                       deis\tssh://git@deis-builder.example.com:2222/foo.git (push)\n\
                       origin\t/srv/my repo (fetch)\norigin\t/srv/my repo (push)\n";
        let remote = |name: &str, url: &str| Remote { name: name.into(), url: url.into() };
        let expected =
            [remote("deis", "ssh://git@deis-builder.example.com:2222/foo.git"), remote("origin", "/srv/my repo")];
        assert_eq!(parse(listing).unwrap(), expected);
        assert_eq!(parse("").unwrap(), []);
        assert!(matches!(parse("nonsense"), Err(Error::Unreadable)));
    }
}
