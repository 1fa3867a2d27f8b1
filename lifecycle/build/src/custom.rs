//! `BUILDPACK_URL`: a buildpack from somebody's git repository, instead of those of the build image.
//!
//! It is fetched here, in the pod, with no more rights and no other network than the app's own pods have: whatever address the
//! URL names, the platform's stores answer nobody without credentials. Submodules are not fetched.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use libcnb::Env;

use crate::buildpack::{self, Buildpack, Descriptor};
use crate::exec::{self, Limited};
use crate::report::Report;
use crate::{Failure, Folders};

/// The config variable.
pub(crate) const VARIABLE: &str = "BUILDPACK_URL";

/// Transports that are spoken: none that runs a program, none that reads this pod's own files.
const SCHEMES: [&str; 3] = ["https://", "http://", "git://"];

/// How long fetching may take.
const LIMIT: Duration = Duration::from_secs(120);

const REMOTE: &str = "buildpack";

/// Fetches the buildpack that `url` names ("https://host/repository.git#ref").
pub(crate) fn fetch(url: &str, folders: &Folders, report: &Report) -> Result<Buildpack, Failure> {
    let source = Source::parse(url)?;
    report.title("Fetching custom buildpack")?;
    let folder = folders.scratch.join("buildpack");
    fs::create_dir_all(&folder).map_err(Failure::io("make room for a buildpack"))?;
    let git = Git { folder: &folder, source: &source };
    git.run(&["init", "--quiet", "--template="])?;
    git.check_out()?;
    load(folder)
}

/// Where it is and which commit of it.
#[derive(Debug, PartialEq)]
struct Source {
    url: String,
    /// A branch, a tag or a commit; the remote's default branch when there is none.
    reference: Option<String>,
}

impl Source {
    fn parse(text: &str) -> Result<Self, Failure> {
        let (url, reference) = match text.split_once('#') {
            Some((url, "")) => (url, None),
            Some((url, reference)) => (url, Some(reference)),
            None => (text, None),
        };
        let is_plain = |byte: u8| byte.is_ascii_graphic();
        if !SCHEMES.iter().any(|scheme| url.starts_with(scheme)) || !url.bytes().all(is_plain) {
            return Err(unusable("the URL must begin with https://, http:// or git:// and have no blanks"));
        }
        let is_ref = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
        if reference.is_some_and(|name| !name.bytes().all(is_ref) || name.starts_with(['-', '/', '.'])) {
            return Err(unusable("what follows the # must be a branch, a tag or a commit"));
        }
        Ok(Self { url: url.to_owned(), reference: reference.map(str::to_owned) })
    }

    /// Whether it may be a commit, perhaps a short one.
    fn may_be_commit(&self) -> bool {
        let is_hex = |name: &str| name.len() >= 7 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.reference.as_deref().is_some_and(is_hex)
    }
}

struct Git<'a> {
    folder: &'a Path,
    source: &'a Source,
}

impl Git<'_> {
    /// One commit alone where the server gives it by that name; else all, for a commit that no ref points to.
    fn check_out(&self) -> Result<(), Failure> {
        let reference = self.source.reference.as_deref().unwrap_or("HEAD");
        match self.run(&["fetch", "--quiet", "--depth=1", "--no-tags", "--end-of-options", REMOTE, reference]) {
            Ok(()) => self.run(&["checkout", "--quiet", "--detach", "FETCH_HEAD"]),
            Err(_) if self.source.may_be_commit() => {
                self.run(&["fetch", "--quiet", "--end-of-options", REMOTE, "+refs/*:refs/fetched/*"])?;
                self.run(&["checkout", "--quiet", "--detach", reference])
            }
            Err(failure) => Err(failure),
        }
    }

    /// Runs `git {arguments}`, with nothing of the pod's own environment and no configuration but ours.
    fn run(&self, arguments: &[&str]) -> Result<(), Failure> {
        let mut env = Env::new();
        for (name, value) in [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("LANG", "C.UTF-8"),
            ("HOME", "/nonexistent"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ALLOW_PROTOCOL", "https:http:git"),
            // The URL may hold a password, which arguments would show to everybody in the pod.
            ("GIT_CONFIG_COUNT", "3"),
            ("GIT_CONFIG_KEY_0", "remote.buildpack.url"),
            ("GIT_CONFIG_VALUE_0", &self.source.url),
            ("GIT_CONFIG_KEY_1", "core.hooksPath"),
            ("GIT_CONFIG_VALUE_1", "/dev/null"),
            ("GIT_CONFIG_KEY_2", "maintenance.auto"),
            ("GIT_CONFIG_VALUE_2", "false"),
        ] {
            env.insert(name, value);
        }
        let mut last = String::new();
        let arguments = arguments.iter().map(Path::new).collect::<Vec<_>>();
        let ended = exec::run_limited(LIMIT, Path::new("/usr/bin/git"), &arguments, self.folder, &env, |line| {
            // The first complaint says what is wrong; later ones give advice.
            if last.is_empty() && (line.starts_with("fatal: ") || line.starts_with("error: ")) {
                line.split_once(": ").map_or("", |(_, text)| text).clone_into(&mut last);
            }
        });
        match ended.map_err(Failure::io("run git"))? {
            Limited::Ended(status) if status.success() => Ok(()),
            Limited::Ended(_) if last.is_empty() => Err(unusable("git cannot fetch it")),
            Limited::Ended(_) => Err(unusable(format!("git says: {}", without_password(&last, &self.source.url)))),
            Limited::Late => Err(unusable(format!("fetching it took longer than {} seconds", LIMIT.as_secs()))),
        }
    }
}

/// A text in which the URL's user and password do not show.
fn without_password(text: &str, url: &str) -> String {
    let authority = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) => {
            let hidden = text.replace(&format!("{user}@"), "");
            user.split(':').filter(|part| part.len() > 2).fold(hidden, |text, part| text.replace(part, "***"))
        }
        None => text.to_owned(),
    }
}

/// The buildpack of a folder, if it is one that can be run here.
fn load(folder: PathBuf) -> Result<Buildpack, Failure> {
    if !folder.join("buildpack.toml").is_file() {
        return Err(unusable(match folder.join("bin/compile").is_file() {
            true => "it is a classic buildpack (bin/compile); only Cloud Native Buildpacks are run",
            false => "it has no buildpack.toml, so that it is no Cloud Native Buildpack",
        }));
    }
    for program in ["bin/detect", "bin/build"] {
        if !folder.join(program).is_file() {
            return Err(unusable(format!("it has no {program}")));
        }
    }
    match buildpack::read(folder) {
        Ok(Descriptor::Component(buildpack)) => Ok(buildpack),
        Ok(Descriptor::Composite(_)) => {
            Err(unusable("it is made of other buildpacks, which are not in its repository"))
        }
        Err(Failure::BuildImage { problem, .. }) => Err(unusable(format!("in its buildpack.toml, {problem}"))),
        Err(failure) => Err(failure),
    }
}

/// A reason that completes "The buildpack of BUILDPACK_URL cannot be used: ….".
pub(crate) fn unusable(problem: impl Into<String>) -> Failure {
    Failure::CustomBuildpack { problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_refs() {
        let source = |url: &str, reference: Option<&str>| Source {
            url: url.to_owned(),
            reference: reference.map(str::to_owned),
        };
        for (text, expected) in [
            ("https://example.com/buildpack.git", source("https://example.com/buildpack.git", None)),
            ("https://example.com/b#", source("https://example.com/b", None)),
            ("https://me:secret@example.com/b#v1.2", source("https://me:secret@example.com/b", Some("v1.2"))),
            ("git://example.com/b#feature/x", source("git://example.com/b", Some("feature/x"))),
        ] {
            assert_eq!(Source::parse(text).unwrap(), expected);
        }
        for text in [
            "",
            "example.com/b",
            "--upload-pack=id",
            "ext::sh -c id",
            "file:///etc",
            "/etc",
            "ssh://git@example.com/b",
            "https://example.com/b b",
            "https://example.com/b\n",
            "https://example.com/b#-x",
            "https://example.com/b#+refs/heads/*:refs/heads/*",
            "https://example.com/b#a b",
            "https://example.com/b#a:b",
        ] {
            assert!(matches!(Source::parse(text), Err(Failure::CustomBuildpack { .. })), "{text}");
        }
    }

    #[test]
    fn passwords_do_not_show() {
        let url = "https://me:hunter2@example.com/b";
        for text in ["unable to access 'https://me:hunter2@example.com/b/': no", "bad password hunter2"] {
            assert!(!without_password(text, url).contains("hunter2"));
        }
        assert_eq!(without_password("no such host", "https://example.com/b"), "no such host");
    }
}
