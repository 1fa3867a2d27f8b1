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
    let lost = "0000000000000000000000000000000000000001";
    let missing = unbundle(&volume.shell, &blog, false, &[&head, lost], bundle.as_slice()).await.unwrap();
    assert_eq!(missing, [lost]);
    assert_eq!(volume.files().await, ".draft-0.git blog.git empty.git", "a rehearsal leaves nothing");

    let half = bundle.get(..bundle.len() - 30).unwrap();
    let broken = unbundle(&volume.shell, &blog, true, &[], half).await.unwrap_err().to_string();
    assert!(broken.starts_with("the program that makes a repository of a bundle failed (1): "), "{broken}");
    assert_eq!(volume.files().await, ".draft-0.git blog.git empty.git", "what failed leaves nothing");

    // One that is there is replaced, one that is not is made.
    volume.run("git --git-dir=repositories/blog.git update-ref refs/heads/main main^").await;
    for repository in [&blog, &gone] {
        unbundle(&volume.shell, repository, true, &[], bundle.as_slice()).await.unwrap();
    }
    assert_eq!(volume.run("git --git-dir=repositories/blog.git log --format=%s main").await, "one");
    place(&volume.shell).await.unwrap();
    assert_eq!(volume.files().await, ".draft-0.git blog.git empty.git gone.git");
    let log = volume.run("git clone --quiet repositories/gone.git clone && git -C clone log --format=%s").await;
    assert_eq!(log, "two\none");
    assert_eq!(volume.run("git --git-dir=repositories/blog.git log --format=%s").await, "two\none");

    unbundle(&volume.shell, &blog, true, &[], bundle.as_slice()).await.unwrap();
    abandon(&volume.shell).await.unwrap();
    assert_eq!(volume.files().await, ".draft-0.git blog.git empty.git gone.git");
    drop(volume.folder);
}
