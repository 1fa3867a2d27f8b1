//! A builder on loopback, with real `git` and `ssh` in front, a registry in memory behind, and doubles for the services it leans on.
#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]
#![allow(clippy::indexing_slicing, clippy::panic, reason = "tests assert by panicking")]

mod cncf;
mod controller;
mod pod;
mod prepared;
mod program;
pub(crate) mod registry;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use deis_bootstrap::{Context, deadline};
use deis_builder::ports::Direct;
use deis_builder::{Config, Listeners, Peers, Process};
use deis_rpc::Identity;
use tempfile::TempDir;
use tokio::net::TcpListener;

pub(crate) use cncf::Cncf;
pub(crate) use controller::{Answer, FakeController};
pub(crate) use pod::{Behaviour, FakeRunner, Seen};
use prepared::prepared;
pub(crate) use program::{Client, Ended, command, feed, interrupt, run};
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
