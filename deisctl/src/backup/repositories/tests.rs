use tokio::io::AsyncReadExt as _;

use super::super::shell::local::LocalShell;
use super::*;

/// A builder's volume with a repository of an app, an empty one and one that is just being made.
struct Volume {
    folder: tempfile::TempDir,
    shell: LocalShell,
}

impl Volume {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().display().to_string();
        let author = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
        let mut environment = author.map(|name| (name, "somebody".to_owned())).to_vec();
        environment.extend([("PATH", "/usr/bin:/bin".to_owned()), ("HOME", home.clone()), ("DEIS_DATA", home)]);
        let volume = Self { shell: LocalShell { folder: folder.path().to_owned(), environment }, folder };
        volume
            .run(
                "mkdir repositories && cd repositories
                 git init --quiet --bare --initial-branch=main blog.git
                 git init --quiet --bare empty.git && git init --quiet --bare .draft-0.git
                 git clone --quiet blog.git ../work 2>/dev/null
                 cd ../work && git checkout --quiet -B main
                 for text in one two; do echo $text >file; git add file; git commit --quiet -m $text; done
                 git push --quiet origin main 2>/dev/null",
            )
            .await;
        volume
    }

    async fn run(&self, text: &str) -> String {
        let text = Box::leak(format!("set -e\n{text}").into_boxed_str());
        self.shell.ask(Script { doing: "prepares the test", text }, &[]).await.unwrap().trim().to_owned()
    }

    async fn files(&self) -> String {
        self.run("ls -A repositories | sort | xargs").await
    }
}

async fn bundled(volume: &Volume, repository: &Repository) -> Option<Vec<u8>> {
    let take = async |mut stream: Reader| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        Ok::<_, ShellError>(bytes)
    };
    bundle(&volume.shell, repository, take).await.unwrap()
}

#[tokio::test]
async fn a_repository_is_bundled_checked_and_put_in_its_place() {
    let volume = Volume::new().await;
    let blog = Repository { app: "blog".parse().unwrap(), head: "refs/heads/main".to_owned() };
    assert_eq!(list(&volume.shell).await.unwrap(), std::slice::from_ref(&blog));
    let gone = Repository { app: "gone".parse().unwrap(), ..blog.clone() };
    assert!(bundled(&volume, &gone).await.is_none());
    let bundle = bundled(&volume, &blog).await.unwrap();

    let head = volume.run("git --git-dir=repositories/blog.git rev-parse main").await;
    // More than any address or argument list takes.
    let lost = (0..60_000).map(|number| format!("{number:040x}")).collect::<Vec<_>>();
    let commits = lost.iter().map(String::as_str).chain([head.as_str()]).collect::<Vec<_>>();
    let missing = unbundle(&volume.shell, &blog, None, &commits, bundle.as_slice()).await.unwrap();
    assert!(missing == lost, "{} of {}", missing.len(), lost.len());
    assert_eq!(volume.files().await, ".draft-0.git blog.git empty.git", "a rehearsal leaves nothing");

    let half = bundle.get(..bundle.len() - 30).unwrap();
    let broken = unbundle(&volume.shell, &blog, Some("1"), &[], half).await.unwrap_err().to_string();
    assert!(broken.starts_with("the program that makes a repository of a bundle failed (1): "), "{broken}");
    assert_eq!(volume.files().await, ".draft-0.git blog.git empty.git", "what failed leaves nothing");

    // One that is there is replaced, one that is not is made.
    volume.run("git --git-dir=repositories/blog.git update-ref refs/heads/main main^").await;
    for repository in [&blog, &gone] {
        unbundle(&volume.shell, repository, Some("1"), &[], bundle.as_slice()).await.unwrap();
    }
    assert_eq!(volume.run("git --git-dir=repositories/blog.git log --format=%s main").await, "one");
    let wanted = [blog.clone(), gone];
    assert_eq!(place(&volume.shell, "1", &wanted).await.unwrap().len(), 1, "the empty one");
    assert_eq!(volume.files().await, ".before-restore-1 .draft-0.git blog.git gone.git");
    let log = volume.run("git clone --quiet repositories/gone.git clone && git -C clone log --format=%s").await;
    assert_eq!(log, "two\none");
    assert_eq!(volume.run("git --git-dir=repositories/blog.git log --format=%s").await, "two\none");

    for restore in ["2", "3"] {
        unbundle(&volume.shell, &blog, Some(restore), &[], bundle.as_slice()).await.unwrap();
    }
    abandon(&volume.shell, Some("2")).await.unwrap();
    assert_eq!(volume.files().await, ".before-restore-1 .draft-0.git .draft-restore-3-blog blog.git gone.git");
    abandon(&volume.shell, None).await.unwrap();
    assert_eq!(volume.files().await, ".before-restore-1 .draft-0.git blog.git gone.git");
    drop(volume.folder);
}

/// Whoever creates an app of that name gets an empty repository.
#[tokio::test]
async fn what_the_backup_does_not_have_is_nobodys() {
    let volume = Volume::new().await;
    let blog = Repository { app: "blog".parse().unwrap(), head: "refs/heads/main".to_owned() };
    let bundle = bundled(&volume, &blog).await.unwrap();
    let shop = Repository { app: "shop".parse().unwrap(), ..blog.clone() };
    unbundle(&volume.shell, &shop, Some("1"), &[], bundle.as_slice()).await.unwrap();

    // One of them is gone: nothing is moved.
    let wanted = [shop, Repository { app: "gone".parse().unwrap(), ..blog }];
    for refused in [staged(&volume.shell, "1", &wanted).await, place(&volume.shell, "1", &wanted).await.map(drop)] {
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.ends_with(
                "(1): the new repository of gone is gone: a builder has started meanwhile, or another restore"
            ),
            "{refused}"
        );
    }
    assert_eq!(volume.files().await, ".draft-0.git .draft-restore-1-shop blog.git empty.git");

    volume.run("mkdir -p cache/blog && echo layer >cache/blog/aa").await;
    staged(&volume.shell, "1", &wanted[..1]).await.unwrap();
    let aside = place(&volume.shell, "1", &wanted[..1]).await.unwrap();
    let path = |app: &str| volume.folder.path().join("repositories/.before-restore-1").join(app).display().to_string();
    assert_eq!(aside, [path("blog"), path("empty")]);
    assert_eq!(volume.files().await, ".before-restore-1 .draft-0.git shop.git");
    assert_eq!(volume.run("ls cache").await, "", "nor does its build");
    let log = volume.run("git --git-dir=repositories/.before-restore-1/blog log --format=%s").await;
    assert_eq!(log, "two\none", "it can be had back");
    // The next restore reminds of it.
    assert_eq!(place(&volume.shell, "2", &[]).await.unwrap().len(), 3);
}
