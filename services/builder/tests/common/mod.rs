//! A builder on loopback, with real `git` and `ssh` in front, a registry in memory behind, and doubles for the services it leans on.
#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]
#![allow(clippy::indexing_slicing, clippy::panic, reason = "tests assert by panicking")]

mod cncf;
mod controller;
mod pod;
pub(crate) mod registry;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use deis_bootstrap::{Context, deadline};
use deis_builder::ports::Direct;
use deis_builder::{Config, Listeners, Peers, Process};
use deis_oci::{Compression, ImageBuilder, LayerPath, Layout, Meta, Owner, Tree};
use deis_rpc::Identity;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::ChildStderr;

pub(crate) use cncf::Cncf;
pub(crate) use controller::{Answer, FakeController};
pub(crate) use pod::{Behaviour, FakeRunner, Seen};
pub(crate) use registry::FakeRegistry;

/// Longest wait for anything in a test: not a measure, but an end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Builder {
    pub(crate) controller: Arc<FakeController>,
    pub(crate) locks: Arc<controller::FakeLocks>,
    pub(crate) runner: Arc<FakeRunner>,
    pub(crate) registry: FakeRegistry,
    pub(crate) ssh: SocketAddr,
    services: SocketAddr,
    pub(crate) root: Arc<TempDir>,
    pub(crate) context: Context,
}

/// What a program printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    /// Both streams' text as a person would see it: git prints what the server says to standard error.
    pub(crate) stderr: String,
}

impl Ended {
    /// The lines that the server sent, without git's prefix and the blanks that it pads with.
    pub(crate) fn remote(&self) -> Vec<String> {
        let lines = self.stderr.lines().filter_map(|line| line.strip_prefix("remote: "));
        lines.map(|line| line.trim_end().to_owned()).collect()
    }
}

/// A client that runs.
pub(crate) struct Client {
    child: tokio::process::Child,
    stderr: Lines<BufReader<ChildStderr>>,
    printed: String,
}

impl Client {
    pub(crate) fn new(mut child: tokio::process::Child) -> Self {
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, stderr, printed: String::new() }
    }

    /// Waits for a line with this text.
    pub(crate) async fn prints(&mut self, text: &str) {
        let found = async {
            while let Some(line) = self.stderr.next_line().await.unwrap() {
                self.printed.extend([line.as_str(), "\n"]);
                if line.contains(text) {
                    return true;
                }
            }
            false
        };
        assert!(deadline(PATIENCE, found).await.unwrap_or_default(), "not a word of {text:?}: {}", self.printed);
    }

    /// As Ctrl-C in a terminal does.
    pub(crate) async fn interrupt(self) {
        interrupt(self.child).await;
    }

    pub(crate) async fn ended(mut self) -> Ended {
        while let Some(line) = self.stderr.next_line().await.unwrap() {
            self.printed.extend([line.as_str(), "\n"]);
        }
        let output = deadline(PATIENCE, self.child.wait_with_output()).await.unwrap().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        Ended { status: output.status.code(), stdout, stderr: self.printed }
    }
}

impl Builder {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        Self::start_in(prepared(), arguments).await
    }

    /// All but the builder itself: one that runs elsewhere. Its address is to be put into `ssh`.
    pub(crate) async fn elsewhere() -> Self {
        let root = prepared();
        let context = Context::new("builder");
        let registry = FakeRegistry::start(&context).await;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let locks = Arc::new(controller::FakeLocks::new(context.tasks.clone()));
        let runner = Arc::new(FakeRunner::new(nowhere, String::new(), context.tasks.clone()));
        Self { controller: Arc::default(), locks, runner, registry, ssh: nowhere, services: nowhere, root, context }
    }

    /// Ends this one and starts another one on the same volume.
    pub(crate) async fn restart(self) -> Self {
        self.stop().await;
        Self::start_in(Arc::clone(&self.root), &[]).await
    }

    async fn start_in(root: Arc<TempDir>, arguments: &[&str]) -> Self {
        let path = |name: &str| root.path().join(name);
        let context = Context::new("builder");
        let registry = FakeRegistry::start(&context).await;

        let listeners = Listeners {
            ssh: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            build_pods: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            services: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        };
        let services = listeners.services.local_addr().unwrap();
        let ssh = listeners.ssh.local_addr().unwrap();
        let controller = Arc::new(FakeController::default());
        let locks = Arc::new(controller::FakeLocks::new(context.tasks.clone()));
        let ca = fs::read_to_string(path("tls/builder/ca.crt")).unwrap();
        let runner = Arc::new(FakeRunner::new(listeners.build_pods.local_addr().unwrap(), ca, context.tasks.clone()));

        let folder = |name: &str| path(name).display().to_string();
        let settings = [
            ("--tls", folder("tls/builder")),
            ("--host-keys", folder("host-keys")),
            ("--stack-run", folder("stack-run")),
            ("--data", folder("data")),
            ("--sockets", folder("sockets")),
            ("--registry", format!("http://{}", registry.address)),
            ("--registry-username", "builder".to_owned()),
            ("--registry-password", registry::PASSWORD.to_owned()),
            ("--hook-program", env!("CARGO_BIN_EXE_builder").to_owned()),
        ];
        // What the test says itself takes the place.
        let is_said = |name: &str| arguments.iter().any(|argument| argument.starts_with(&format!("{name}=")));
        let settings = settings.iter().filter(|(name, _)| !is_said(name));
        let settings = settings.flat_map(|(name, value)| [(*name).to_owned(), value.clone()]);
        let all = std::iter::once("builder".to_owned()).chain(settings);
        let config = Config::parse_from(all.chain(arguments.iter().map(|argument| (*argument).to_owned())));
        let identity = Identity::load(path("tls/builder")).unwrap();
        let peers = Peers {
            controller: controller.clone(),
            locks: locks.clone(),
            runner: runner.clone(),
            effects: Arc::new(Direct),
        };
        let process = Arc::new(Process::begin(&config.data, &config.sockets, &config.pod_name).unwrap());
        let service = deis_builder::run_with(config, context.clone(), listeners, identity, process, peers);
        drop(context.tasks.spawn("builder", async move { service.await.unwrap() }));
        Self { controller, locks, runner, registry, ssh, services, root, context }
    }

    /// A connection as another service would make it.
    pub(crate) fn connect_as(&self, service: &str) -> deis_rpc::Client {
        self.connect_to(self.services, service)
    }

    /// As [`Builder::connect_as`], to one that runs elsewhere.
    pub(crate) fn connect_to(&self, services: SocketAddr, service: &str) -> deis_rpc::Client {
        let identity = Identity::load(self.root.path().join("tls").join(service)).unwrap();
        let address = format!("https://{services}").parse().unwrap();
        deis_rpc::connect("builder", address, &identity)
    }

    /// A user with a key of that type; the key's path.
    pub(crate) async fn user(&self, name: &str, key_type: &str) -> PathBuf {
        let key = self.root.path().join(format!("{name}-{key_type}"));
        let arguments = ["-q", "-t", key_type, "-N", "", "-C", name, "-f", &key.display().to_string()];
        assert_eq!(run("ssh-keygen", &arguments, self.root.path(), &[]).await.status, Some(0));
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        let public = public.split(' ').nth(1).unwrap();
        self.controller.register(name, public);
        key
    }

    /// A repository with one commit on `master`.
    pub(crate) async fn repository(&self, name: &str, files: &[(&str, &str)]) -> Repository {
        let path = self.root.path().join(name);
        fs::create_dir_all(&path).unwrap();
        let repository = Repository { path };
        repository.git(&["init", "--quiet", "--initial-branch=master"]).await;
        repository.commit(files).await;
        repository
    }

    pub(crate) fn ssh_options(&self, key: &Path) -> Vec<String> {
        self.ssh_options_at(self.ssh.port(), key)
    }

    /// As [`Builder::ssh_options`], through something that listens on another port.
    pub(crate) fn ssh_options_at(&self, port: u16, key: &Path) -> Vec<String> {
        let options = [
            "-F",
            "/dev/null",
            "-i",
            &key.display().to_string(),
            "-p",
            &port.to_string(),
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
            "-o",
            "BatchMode=yes",
        ];
        options.map(str::to_owned).to_vec()
    }

    /// `ssh git@builder {command}`.
    pub(crate) async fn ssh(&self, key: &Path, command: &[&str]) -> Ended {
        let mut arguments = self.ssh_options(key);
        arguments.push("git@127.0.0.1".to_owned());
        arguments.extend(command.iter().map(|word| (*word).to_owned()));
        let arguments = arguments.iter().map(String::as_str).collect::<Vec<_>>();
        run("ssh", &arguments, self.root.path(), &[]).await
    }

    pub(crate) fn git_env(&self, key: &Path) -> Vec<(String, String)> {
        vec![("GIT_SSH_COMMAND".to_owned(), format!("ssh {}", self.ssh_options(key).join(" ")))]
    }

    pub(crate) fn url(&self, app: &str) -> String {
        format!("ssh://git@127.0.0.1/{app}.git")
    }

    /// `git push {url} {refspecs}`.
    pub(crate) async fn push(&self, repository: &Repository, key: &Path, app: &str, refspecs: &[&str]) -> Ended {
        let url = self.url(app);
        let arguments = ["push", &url].into_iter().chain(refspecs.iter().copied()).collect::<Vec<_>>();
        run("git", &arguments, &repository.path, &self.git_env(key)).await
    }

    /// As [`Builder::begin_push`], to one that listens on another port.
    pub(crate) fn begin_push_at(&self, port: u16, repository: &Repository, key: &Path, app: &str) -> Client {
        let env = [("GIT_SSH_COMMAND".to_owned(), format!("ssh {}", self.ssh_options_at(port, key).join(" ")))];
        Client::new(command("git", &["push", &self.url(app), "master"], &repository.path, &env).spawn().unwrap())
    }

    /// As [`Builder::push`] of `master`, but not waited for.
    pub(crate) fn begin_push(&self, repository: &Repository, key: &Path, app: &str) -> tokio::process::Child {
        command("git", &["push", &self.url(app), "master"], &repository.path, &self.git_env(key)).spawn().unwrap()
    }

    /// What a ref of the app's repository points to here.
    pub(crate) async fn reference(&self, app: &str, name: &str) -> Option<String> {
        let path = self.root.path().join(format!("data/repositories/{app}.git"));
        if !path.exists() {
            return None;
        }
        let ended = run("git", &["rev-parse", "--verify", "--quiet", name], &path, &[]).await;
        (ended.status == Some(0)).then(|| ended.stdout.trim().to_owned())
    }

    /// What is left behind for the moment by whichever builder: files of pushes, and what git makes and removes; all of one that is dead.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        let data = self.root.path().join("data");
        let mut found =
            entries(&self.root.path().join("sockets")).iter().flat_map(|of| entries(of)).collect::<Vec<_>>();
        for process in entries(&data.join("processes")).into_iter().filter(|path| path.is_dir()) {
            found.extend(["spool", "drafts"].into_iter().flat_map(|name| entries(&process.join(name))));
            let lock = fs::File::open(process.join("lock"));
            if lock.is_ok_and(|lock| lock.try_lock_shared().is_ok()) {
                found.push(process);
            }
        }
        for repository in entries(&data.join("repositories")) {
            let folders = ["", "objects", "refs", "refs/heads"].map(|name| repository.join(name));
            found.extend(folders.iter().flat_map(|folder| entries(folder)).filter(|path| {
                let name = path.file_name().unwrap().to_string_lossy();
                name.starts_with("tmp_objdir") || name.ends_with(".lock")
            }));
            if !repository.join("HEAD").is_file() {
                found.push(repository);
            }
        }
        found
    }

    /// Ends the builder, and waits until nothing of it runs any more.
    pub(crate) async fn stop(&self) {
        self.context.shutdown.cancel();
        deadline(PATIENCE, self.context.tasks.finished()).await.unwrap_or_else(|_| {
            panic!("still running: {:?}", self.context.tasks.running());
        });
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

pub(crate) struct Repository {
    pub(crate) path: PathBuf,
}

impl Repository {
    pub(crate) async fn git(&self, arguments: &[&str]) -> String {
        let ended = run("git", arguments, &self.path, &[]).await;
        assert_eq!(ended.status, Some(0), "{ended:?}");
        ended.stdout.trim().to_owned()
    }

    pub(crate) async fn commit(&self, files: &[(&str, &str)]) -> String {
        for (name, content) in files {
            fs::write(self.path.join(name), content).unwrap();
        }
        self.git(&["add", "."]).await;
        self.git(&["commit", "--quiet", "--message=change"]).await;
        self.git(&["rev-parse", "HEAD"]).await
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
}

/// As [`run`], with something to read; the output as bytes.
pub(crate) async fn feed(
    program: &str,
    arguments: &[&str],
    folder: &Path,
    env: &[(String, String)],
    input: &[u8],
) -> std::process::Output {
    use tokio::io::AsyncWriteExt as _;
    let mut child = command(program, arguments, folder, env).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let write = async {
        // It may have ended before it read all.
        drop(stdin.write_all(input).await);
        drop(stdin);
    };
    let (output, ()) = tokio::join!(deadline(PATIENCE, child.wait_with_output()), write);
    output.unwrap().unwrap()
}

/// Runs a program to its end, with nothing of this test's own environment.
pub(crate) async fn run(program: &str, arguments: &[&str], folder: &Path, env: &[(String, String)]) -> Ended {
    let output = deadline(PATIENCE, command(program, arguments, folder, env).output()).await.unwrap().unwrap();
    Ended {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[expect(clippy::disallowed_methods, reason = "tests start the clients of the program under test")]
pub(crate) fn command(
    program: &str,
    arguments: &[&str],
    folder: &Path,
    env: &[(String, String)],
) -> tokio::process::Command {
    // A process that was started in the background may not hear SIGINT, and hands that on to what it starts.
    let mut command = tokio::process::Command::new("/usr/bin/env");
    command
        .arg("--default-signal=INT")
        .arg(program)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "Jason")))
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "jason@example.com")))
        // The same commits in every run.
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_DATE"), "1700000000 +0000")))
        .envs(env.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Ends a client and all that it has started, as Ctrl-C in a terminal does.
pub(crate) async fn interrupt(mut client: tokio::process::Child) {
    let group = Pid::from_raw(client.id().unwrap().try_into().unwrap());
    killpg(group, Signal::SIGINT).unwrap();
    client.wait().await.unwrap();
}

/// A folder with what a builder finds in its pod.
fn prepared() -> Arc<TempDir> {
    let root = Arc::new(tempfile::tempdir().unwrap());
    write_identity(&root.path().join("tls"));
    write_host_keys(&root.path().join("host-keys"));
    write_run_image(&root.path().join("stack-run"));
    root
}

/// A certificate for the builder and for those who call it (in folders of theirs), and the authority that signed them.
fn write_identity(folder: &Path) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    for (service, folder) in ["builder", "workflow", "state", "router"].map(|service| (service, folder.join(service))) {
        let mut params = CertificateParams::new(vec![format!("deis-{service}")]).unwrap();
        params.subject_alt_names.push(SanType::URI(format!("spiffe://deis/{service}").try_into().unwrap()));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in
            [("tls.crt", certificate.pem()), ("ca.crt", authority_certificate.pem()), ("tls.key", key.serialize_pem())]
        {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}

/// PKCS#8 PEM, as `deisctl init` writes them.
fn write_host_keys(folder: &Path) {
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
    fs::create_dir_all(folder).unwrap();
    for (name, algorithm) in [("ssh-host-ed25519-key", &PKCS_ED25519), ("ssh-host-ecdsa-key", &PKCS_ECDSA_P256_SHA256)]
    {
        let key = KeyPair::generate_for(algorithm).unwrap();
        fs::write(folder.join(name), key.serialize_pem()).unwrap();
    }
}

/// A run image of one file.
fn write_run_image(folder: &Path) {
    let layout = Layout::create(folder).unwrap();
    let mut tree = Tree::new();
    tree.file(LayerPath::parse("etc/stack").unwrap(), Meta::file(Owner::ROOT, false), "bookworm");
    let (layer, writer) = tree.write(Compression::Gzip, layout.writer().unwrap()).unwrap();
    writer.commit(&layer).unwrap();
    let image = ImageBuilder::new().layer(layer, "stack").entrypoint(["/cnb/lifecycle/launcher"]).build().unwrap();
    layout.add(&image, "deis/stack-run:1").unwrap();
}
