//! The repositories: one bare repository for each app, on the persistent volume.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use deis_api::{AppName, GitSha};
use tokio::fs;
use tokio::io::AsyncReadExt as _;

use super::sweep;
use super::{Git, GitChild, read_to_limit};
use crate::Error;
use crate::ports::Held;

/// The environment variable that tells the hook whom to ask.
pub(crate) const HOOK_SOCKET: &str = "DEIS_PUSH_SOCKET";

/// Longest answer of git, in bytes: a commit's name and a line end.
const MAX_LINE: u64 = 100;

/// The file in a repository whose lock a push has.
const CLAIM: &str = "push";

/// The folder of all repositories.
#[derive(Clone, Debug)]
pub(crate) struct Repositories {
    folder: PathBuf,
    /// Where they are made and removed, on the same volume.
    drafts: PathBuf,
    git: Git,
}

/// A repository that nobody else changes while this lives, whichever builder he asks. The push lock of the state service says who may try;
/// this holds also when that lock was lost in the midst of a push.
#[derive(Debug)]
pub(crate) struct Claim {
    _lock: File,
}

/// Where git keeps the objects of a push until its hook has agreed (git-receive-pack, "Quarantine environment").
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Quarantine {
    pub(crate) objects: Option<PathBuf>,
    pub(crate) alternates: Option<OsString>,
}

impl Quarantine {
    /// The environment in which git finds the objects.
    fn env(&self) -> Vec<(&str, &OsStr)> {
        let objects = self.objects.as_deref().map(|path| ("GIT_OBJECT_DIRECTORY", path.as_os_str()));
        let alternates = self.alternates.as_deref().map(|path| ("GIT_ALTERNATE_OBJECT_DIRECTORIES", path));
        objects.into_iter().chain(alternates).collect()
    }
}

impl Repositories {
    pub(crate) fn new(folder: PathBuf, drafts: PathBuf, git: Git) -> Self {
        Self { folder, drafts, git }
    }

    /// The repository of an app; made when there is none.
    pub(crate) async fn open(&self, app: &AppName) -> Result<Repository, Error> {
        self.make(app).await?;
        Ok(Repository { path: self.path(app), git: self.git.clone() })
    }

    /// Makes the repository of an app when there is none.
    pub(crate) async fn make(&self, app: &AppName) -> Result<(), Error> {
        let path = self.path(app);
        if path.join("HEAD").is_file() {
            return Ok(());
        }
        self.init(&path).await.map_err(Error::io("make the repository"))
    }

    fn path(&self, app: &AppName) -> PathBuf {
        self.folder.join(format!("{app}.git"))
    }

    /// A new name for what is not a repository yet, or not any more.
    fn draft(&self) -> PathBuf {
        self.drafts.join(uuid::Uuid::new_v4().simple().to_string())
    }

    /// Removes the repository of an app; one that is not there is fine. Refused under a push.
    pub(crate) async fn remove(&self, app: &AppName) -> Result<(), Error> {
        let broken = || Error::io("remove the repository");
        let repository = Repository { path: self.path(app), git: self.git.clone() };
        let _claim = match repository.claim() {
            Ok(claim) => claim,
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        // Under another name first: a repository is whole or not there.
        let gone = self.draft();
        fs::rename(self.path(app), &gone).await.map_err(broken())?;
        fs::remove_dir_all(gone).await.map_err(broken())
    }

    /// Makes it under another name first: a repository is whole or not there.
    async fn init(&self, path: &Path) -> io::Result<()> {
        let draft = self.draft();
        let arguments = ["init", "--bare", "--quiet", "--initial-branch=master", "--template=", "--end-of-options"];
        let arguments = arguments.iter().map(OsStr::new).chain([draft.as_os_str()]).collect::<Vec<_>>();
        self.git.run(&arguments).await?;
        match fs::rename(&draft, path).await {
            // Another push was first.
            Err(_) if path.join("HEAD").is_file() => fs::remove_dir_all(&draft).await,
            other => other,
        }
    }
}

/// A repository.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    path: PathBuf,
    git: Git,
}

impl Repository {
    /// Claims the repository for a push, or for its end.
    pub(crate) fn claim(&self) -> Result<Claim, Error> {
        let broken = || Error::io("claim the repository");
        let lock = File::options().create(true).truncate(false).write(true).open(self.path.join(CLAIM));
        let lock = lock.map_err(broken())?;
        match lock.try_lock() {
            Ok(()) => Ok(Claim { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::PushInProgress(Held::default())),
            Err(TryLockError::Error(error)) => Err(broken()(error)),
        }
    }

    /// Removes what a git that was killed has left. Only while the claim is ours.
    pub(crate) fn sweep(&self, _claim: &Claim) -> io::Result<()> {
        sweep::repository(&self.path)
    }

    /// Serves a push; git will call the hook, and the hook will ask at `socket`.
    pub(crate) fn receive_pack(&self, socket: &Path) -> io::Result<GitChild> {
        let arguments = [OsStr::new("receive-pack"), OsStr::new("--end-of-options"), self.path.as_os_str()];
        self.git.start(&arguments, &[(HOOK_SOCKET, socket.as_os_str())], Stdio::piped())
    }

    /// Serves a clone or fetch.
    pub(crate) fn upload_pack(&self) -> io::Result<GitChild> {
        let arguments =
            [OsStr::new("upload-pack"), OsStr::new("--strict"), OsStr::new("--end-of-options"), self.path.as_os_str()];
        self.git.start(&arguments, &[], Stdio::piped())
    }

    /// Writes the files of a commit as a tar archive to its standard output.
    pub(crate) fn archive(&self, sha: &GitSha, quarantine: &Quarantine) -> io::Result<GitChild> {
        // The commit is 40 hexadecimal digits, which no option begins with.
        self.start(&["archive", "--format=tar", sha.as_str()], quarantine)
    }

    /// Starts git on this repository.
    fn start(&self, arguments: &[&str], quarantine: &Quarantine) -> io::Result<GitChild> {
        let mut git_dir = OsString::from("--git-dir=");
        git_dir.push(&self.path);
        let arguments = std::iter::once(git_dir.as_os_str()).chain(arguments.iter().map(OsStr::new));
        self.git.start(&arguments.collect::<Vec<_>>(), &quarantine.env(), Stdio::null())
    }

    /// Whether a ref points there; a zero stands for one that is not there.
    pub(crate) async fn is_at(&self, name: &str, sha: &GitSha) -> io::Result<bool> {
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", name];
        let (_, found) = self.ask(&arguments, &Quarantine::default()).await?;
        Ok(found == if sha.is_zero() { "" } else { sha.as_str() })
    }

    /// "commit", "tag", "tree" or "blob"; empty when the object is not there.
    pub(crate) async fn kind(&self, sha: &GitSha, quarantine: &Quarantine) -> io::Result<String> {
        Ok(self.ask(&["cat-file", "-t", sha.as_str()], quarantine).await?.1)
    }

    /// Whether all that a commit comes from is there; it is not when it was pushed out of a shallow clone.
    pub(crate) async fn has_history(&self, sha: &GitSha, quarantine: &Quarantine) -> io::Result<bool> {
        let arguments = ["rev-list", "--objects", "--quiet", sha.as_str(), "--not", "--all"];
        Ok(self.ask(&arguments, quarantine).await?.0 == 0)
    }

    /// How git ends, and the line that it prints.
    async fn ask(&self, arguments: &[&str], quarantine: &Quarantine) -> io::Result<(u32, String)> {
        let mut child = self.start(arguments, quarantine)?;
        let (_, stdout, stderr) = child.pipes();
        let stdout = stdout.ok_or(io::ErrorKind::BrokenPipe)?;
        let mut stdout = stdout.take(MAX_LINE);
        let mut line = String::new();
        let (read, printed) = tokio::join!(stdout.read_to_string(&mut line), read_to_limit(stderr));
        read?;
        let status = child.wait().await?;
        tracing::debug!(?arguments, status, line, printed = %String::from_utf8_lossy(&printed?), "asked git");
        line.truncate(line.trim_end().len());
        Ok((status, line))
    }

    /// Says which branch a clone begins with. `name` is one that is built.
    pub(crate) async fn set_head(&self, name: &str) -> Result<(), Error> {
        let mut git_dir = OsString::from("--git-dir=");
        git_dir.push(&self.path);
        let arguments = [&git_dir, OsStr::new("symbolic-ref"), OsStr::new("HEAD"), OsStr::new(name)];
        self.git.run(&arguments).await.map_err(Error::io("set the repository's HEAD"))
    }
}
