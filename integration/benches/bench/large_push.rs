//! What it costs to receive a push of 100 MB, beside OpenSSH's server and git: the same commit, client, key and cipher, the same git
//! on both sides.
//!
//! What is compared is receiving alone: SSH, `git receive-pack` and what it starts (`index-pack`, the hook). So the push goes to a
//! branch that the builder does not build: it is received as any other, in full, and refused by the hook, as the first thing after.
//! Counted is CPU time: of the builder's process and of the server's for this connection, each with all children that it has
//! waited for. On the builder's side that includes what git alone does not do: it asks the controller who this is, takes the push
//! lock, checks every object (`receive.fsckObjects`). Not counted is what the bytes pass on their way, the router on our side and
//! the loopback on both, nor the client.

use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::cpu::Process;
use crate::exec::{command, run};
use crate::figure::{Figure, Unit};
use crate::support::{Developer, Platform};

/// So many that git keeps what it gets as one pack (`receive.unpackLimit`), as it does with all that is large.
const FILES: usize = 100;
const FILE_BYTES: usize = 1_000_000;
/// A branch that is not built.
const BRANCH: &str = "master:refs/heads/received";
/// OpenSSH's own first choice.
const CIPHER: &str = "chacha20-poly1305@openssh.com";
/// How long the client may take to connect.
const LOGIN_LIMIT: Duration = Duration::from_secs(60);
/// Who receives first changes from round to round.
const ROUNDS: usize = 6;

/// Empty where the builder runs on another machine: then its CPU time cannot be read.
pub(crate) async fn measure(platform: &Platform, developer: &Developer<'_>) -> Vec<Figure> {
    let Some(builder) = Process::of_pod(platform, "deis-builder", "builder").await else { return Vec::new() };
    let repository = developer.repository("static").await;
    // The client has other things to do than to look for what random bytes have in common.
    for setting in ["core.compression", "pack.window"] {
        drop(repository.git(&["config", setting, "0"]).await.succeeded());
    }
    write_noise(repository.path());
    drop(repository.commit("100 MB").await);
    drop(repository.deis(&["create"]).await.succeeded());
    let remote = repository.git(&["remote", "get-url", "deis"]).await.succeeded();
    let remote = remote.stdout.trim();

    // A key's comment becomes its name, of which there is one in all.
    let client = Client::new(&format!("{}-client", developer.name)).await;
    let key = client.public_key().to_string_lossy().into_owned();
    drop(developer.deis(&["keys:add", &key]).await.succeeded());
    let peer = Peer::new(&client).await;

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for is_ours in [round % 2 == 0, round % 2 != 0] {
            if is_ours {
                let before = builder.cpu_seconds();
                let refused = client.push(repository.path(), remote).await;
                ours.push(builder.cpu_seconds() - before);
                let said = String::from_utf8_lossy(&refused.stderr);
                assert!(said.contains("Only the branches master and main are built"), "{said}");
            } else {
                theirs.push(peer.receive(&client, repository.path()).await);
            }
        }
    }
    let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
    let plain =
        |name: &str, samples| Figure { name: name.to_owned(), unit: Unit::Seconds, samples, ceiling: None, goal: None };
    vec![
        plain("CPU of receiving 100 MB, builder", ours),
        plain("CPU of receiving 100 MB, OpenSSH and git", theirs),
        Figure {
            name: "CPU of receiving 100 MB beside OpenSSH and git".to_owned(),
            unit: Unit::Times,
            samples: ratios,
            ceiling: Some(2.0),
            goal: Some(1.2),
        },
    ]
}

/// Files that nothing makes smaller, the same ones each time.
fn write_noise(folder: &Path) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for file in 0..FILES {
        let mut bytes = Vec::with_capacity(FILE_BYTES);
        while bytes.len() < FILE_BYTES {
            // Marsaglia's xorshift64.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        std::fs::write(folder.join(format!("noise-{file}")), bytes).unwrap();
    }
}

/// Who pushes, with a key of his own.
struct Client {
    folder: TempDir,
}

impl Client {
    async fn new(name: &str) -> Self {
        let client = Self { folder: tempfile::tempdir().unwrap() };
        make_key(&client.key(), name).await;
        client
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    fn public_key(&self) -> PathBuf {
        self.folder.path().join("key.pub")
    }

    async fn push(&self, repository: &Path, remote: &str) -> Output {
        // Whose host key it is, is not what is measured.
        let ssh = format!(
            "ssh -F none -c {CIPHER} -i {} -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR \
             -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
            self.key().display()
        );
        let mut git = command("git");
        git.arg("-C").arg(repository).args(["push", remote, BRANCH]);
        git.env("HOME", self.folder.path()).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_SSH_COMMAND", ssh);
        git.stdin(Stdio::null()).output().await.unwrap()
    }
}

async fn make_key(path: &Path, comment: &str) {
    run(command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"]).arg(path)).await;
}

/// OpenSSH's server as inetd starts it: one process for each connection, and so none that has to be waited for. Besides what it
/// must be told it has its own defaults.
struct Peer {
    folder: TempDir,
    listener: TcpListener,
}

impl Peer {
    async fn new(client: &Client) -> Self {
        // Where it shuts away the part of itself that talks to strangers; Debian's service makes it, which does not run here.
        std::fs::create_dir_all("/run/sshd").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        make_key(&file("host-key"), "peer").await;
        std::fs::copy(client.public_key(), file("authorized-keys")).unwrap();
        let config = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nLogLevel ERROR\n",
            file("host-key").display(),
            file("authorized-keys").display()
        );
        std::fs::write(file("config"), config).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        Self { folder, listener }
    }

    /// A push to a repository with nothing in it; the CPU time that it took.
    async fn receive(&self, client: &Client, repository: &Path) -> f64 {
        let received = tempfile::tempdir().unwrap();
        run(command("git").args(["init", "--quiet", "--bare"]).arg(received.path())).await;
        let remote = format!("ssh://root@{}{}", self.listener.local_addr().unwrap(), received.path().display());
        let (pushed, used) = tokio::join!(client.push(repository, &remote), self.serve());
        assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
        used
    }

    async fn serve(&self) -> f64 {
        let accepted = deis_bootstrap::deadline(LOGIN_LIMIT, self.listener.accept()).await;
        let (connection, _address) = accepted.expect("the client comes").unwrap();
        let connection = connection.into_std().unwrap();
        connection.set_nonblocking(false).unwrap();
        let connection = OwnedFd::from(connection);
        // One statement: who starts it must not keep the connection open.
        let mut sshd = command("/usr/sbin/sshd")
            .args(["-i", "-e", "-f"])
            .arg(self.folder.path().join("config"))
            .stdin(connection.try_clone().unwrap())
            .stdout(connection)
            .spawn()
            .unwrap();
        let process = Process::of_child(sshd.id());
        process.ended().await;
        let used = process.cpu_seconds();
        sshd.wait().await.unwrap();
        used
    }
}
