//! The command line that a git client sends over SSH. No shell ever sees it.

use deis_api::AppName;

use crate::Error;
use crate::ports::Access;

/// What git wants to run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    UploadPack,
    ReceivePack,
}

impl Verb {
    pub(crate) fn access(self) -> Access {
        match self {
            Self::UploadPack => Access::Read,
            Self::ReceivePack => Access::Write,
        }
    }
}

/// A command that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) verb: Verb,
    pub(crate) app: AppName,
}

const NOT_GIT: &str = "Only git is served here: try \"git push deis master\".";
const LFS: &str = "Git LFS is not served here, and builds do not see its content: commit the files themselves (git lfs migrate export).";
const NO_APP: &str =
    "No app given: the remote must be of the form ssh://git@host:2222/{app}.git, with a name that deis apps shows.";

impl Command {
    /// Parses `git-receive-pack '/earthy-instinct.git'` and its variants. git quotes the path with single quotes; an app's
    /// name needs none, so that everything with a quote, a blank or a backslash inside is refused.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, Error> {
        let line = std::str::from_utf8(line).map_err(|_| Error::Command(NOT_GIT))?;
        // What its pre-push hook asks for: git-lfs-authenticate, git-lfs-transfer.
        if line.starts_with("git-lfs-") {
            return Err(Error::Command(LFS));
        }
        let (verb, path) = [
            ("git-receive-pack ", Verb::ReceivePack),
            ("git receive-pack ", Verb::ReceivePack),
            ("git-upload-pack ", Verb::UploadPack),
            ("git upload-pack ", Verb::UploadPack),
        ]
        .into_iter()
        .find_map(|(prefix, verb)| Some((verb, line.strip_prefix(prefix)?)))
        .ok_or(Error::Command(NOT_GIT))?;
        let path = path.strip_prefix('\'').and_then(|path| path.strip_suffix('\'')).unwrap_or(path);
        let name = path.strip_prefix('/').unwrap_or(path);
        let name = name.strip_suffix(".git").unwrap_or(name);
        let app = name.parse().map_err(|_| Error::Command(NO_APP))?;
        Ok(Self { verb, app })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_sends() {
        for (line, verb) in [
            ("git-receive-pack '/earthy-instinct.git'", Verb::ReceivePack),
            ("git-receive-pack 'earthy-instinct.git'", Verb::ReceivePack),
            ("git-receive-pack '/earthy-instinct'", Verb::ReceivePack),
            ("git-receive-pack /earthy-instinct.git", Verb::ReceivePack),
            ("git receive-pack '/earthy-instinct.git'", Verb::ReceivePack),
            ("git-upload-pack '/earthy-instinct.git'", Verb::UploadPack),
        ] {
            let command = Command::parse(line.as_bytes()).unwrap();
            assert_eq!((command.verb, command.app.as_str()), (verb, "earthy-instinct"), "{line}");
        }
    }

    #[test]
    fn attacks_and_mistakes_are_refused() {
        for line in [
            "",
            "ls",
            "ping",
            "sh -c id",
            "scp -t /tmp",
            "git-upload-archive '/app.git'",
            "git-shell -c id",
            "git-receive-pack",
            "git-receive-pack ",
            "git-receive-pack ''",
            "git-receive-pack '/'",
            "git-receive-pack '/.git'",
            "git-receive-pack '--help'",
            "git-receive-pack --upload-pack=id '/app.git'",
            "git-receive-pack '/app.git' --stateless-rpc",
            "git-receive-pack '/app.git'; id",
            "git-receive-pack '/app.git' | id",
            "git-receive-pack $(id)",
            "git-receive-pack `id`",
            "git-receive-pack '/app'\\''x.git'",
            "git-receive-pack '/../etc'",
            "git-receive-pack '/a/../b.git'",
            "git-receive-pack '/a/b.git'",
            "git-receive-pack '//app.git'",
            "git-receive-pack '~/app.git'",
            "git-receive-pack 'ext::id'",
            "git-receive-pack '/app.git.git'",
            "git-receive-pack '/app.git\n'",
            "git-receive-pack '/app\0.git'",
            "git-receive-pack  '/app.git'",
            " git-receive-pack '/app.git'",
            "GIT-RECEIVE-PACK '/app.git'",
            "git-receive-pack '/App.git'",
            "git-receive-pack '/-app.git'",
        ] {
            assert!(matches!(Command::parse(line.as_bytes()), Err(Error::Command(_))), "{line:?}");
        }
        assert!(Command::parse(b"git-receive-pack '/\xff.git'").is_err());
    }
}
