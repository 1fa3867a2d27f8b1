//! A buildpack from a git repository.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{Received, build, git, git_daemon, source};

const MIB: i64 = 1 << 20;

/// Writes a buildpack and commits it; the commit.
fn commit(repository: &Path, name: &str, detect: &str) -> String {
    let files = [
        (
            "buildpack.toml",
            format!("api = \"0.10\"\n[buildpack]\nid = \"acme/custom\"\nversion = \"1.0.0\"\nname = \"{name}\"\n"),
        ),
        ("bin/detect", format!("#!/bin/sh\n{detect}\n")),
        (
            "bin/build",
            "#!/bin/sh\nprintf '[[processes]]\\ntype = \"web\"\\ncommand = [\"serve\"]\\n' > \"$1/launch.toml\"\n"
                .to_owned(),
        ),
    ];
    fs::create_dir_all(repository.join("bin")).unwrap();
    for (path, text) in files {
        fs::write(repository.join(path), text).unwrap();
        fs::set_permissions(repository.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }
    git(repository, &["add", "."]);
    git(repository, &["commit", "--quiet", "--message", name]);
    git(repository, &["rev-parse", "HEAD"])
}

async fn build_with(url: &str) -> Received {
    // No order and no buildpacks: there is nothing but the one of the URL.
    let (cnb, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let environment = [("BUILDPACK_URL", url)];
    build(cnb.path(), root.path(), source(&[("index.html", "hi")]), &environment, MIB).await.1
}

#[tokio::test]
async fn a_branch_a_tag_a_commit_or_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("buildpack");
    fs::create_dir(&repository).unwrap();
    git(&repository, &["init", "--quiet", "--initial-branch=trunk"]);
    let first = commit(&repository, "First", "true");
    git(&repository, &["tag", "v1"]);
    commit(&repository, "Second", "true");
    git(&repository, &["checkout", "--quiet", "-b", "feature/x"]);
    commit(&repository, "Third", "true");
    git(&repository, &["checkout", "--quiet", "trunk"]);
    let url = format!("git://{}/buildpack", git_daemon(folder.path()).await);
    for (reference, name) in [
        (String::new(), "Second"),
        ("#trunk".to_owned(), "Second"),
        ("#feature/x".to_owned(), "Third"),
        ("#v1".to_owned(), "First"),
        (format!("#{first}"), "First"),
        (format!("#{}", &first[..10]), "First"),
    ] {
        let received = build_with(&format!("{url}{reference}")).await;
        assert_eq!(
            received.lines[..2],
            ["-----> Fetching custom buildpack".to_owned(), format!("-----> {name} app detected")]
        );
        let result = received.result.unwrap();
        assert_eq!((result.processes["web"].as_str(), result.detected.as_str()), ("serve", name));
        assert_eq!(result.buildpacks, ["acme/custom@1.0.0"]);
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let repository = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        git(&path, &["init", "--quiet", "--initial-branch=master"]);
        path
    };
    commit(&repository("picky"), "Picky", "exit 100");
    let classic = repository("classic");
    fs::create_dir(classic.join("bin")).unwrap();
    fs::write(classic.join("bin/compile"), "").unwrap();
    git(&classic, &["add", "."]);
    git(&classic, &["commit", "--quiet", "--message", "classic"]);
    let old = repository("old");
    commit(&old, "Old", "true");
    fs::write(old.join("buildpack.toml"), "api = \"0.4\"\n[buildpack]\nid = \"acme/old\"\nversion = \"1.0.0\"\n")
        .unwrap();
    git(&old, &["commit", "--quiet", "--all", "--message", "old"]);

    let server = format!("git://{}", git_daemon(folder.path()).await);
    for (url, problem) in [
        (format!("{server}/picky"), "Picky does not accept this source."),
        (format!("{server}/picky#gone"), "git says: couldn't find remote ref gone."),
        (format!("{server}/none"), "git says: "),
        (format!("{server}/classic"), "it is a classic buildpack (bin/compile); only Cloud Native Buildpacks are run."),
        (format!("{server}/old"), "in its buildpack.toml, Buildpack API 0.4 is not spoken, only 0.10."),
        (
            format!("file://{}", old.display()),
            "the URL must begin with https://, http:// or git:// and have no blanks.",
        ),
    ] {
        let failure = build_with(&url).await.failure.unwrap();
        let sentence = format!("The buildpack of BUILDPACK_URL cannot be used: {problem}");
        assert_eq!(failure.code, "buildpack-unavailable", "{url}: {}", failure.message);
        assert!(
            failure.message.starts_with(&sentence) && !failure.message.contains('\n'),
            "{url}: {}",
            failure.message
        );
    }
}
