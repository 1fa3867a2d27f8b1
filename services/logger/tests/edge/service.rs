//! The server behind its real edge: mutual TLS on a loopback port, called as an agent and as workflow.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser as _;
use deis_bootstrap::{Context, deadline};
use deis_logger::Config;
use deis_logger::config::Role;
use deis_proto::logger::append_request::Line;
use deis_proto::logger::entry::Entry as Kind;
use deis_proto::logger::log_service_client::LogServiceClient;
use deis_proto::logger::{AppendRequest, AppendResponse, Entry, ReadRequest};
use deis_rpc::{Client, Fault, Identity, connect};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::authority::Authority;
use super::redis::Redis;

/// How long anything may take that should happen at once, on a machine that does other things too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Service {
    pub(crate) context: Context,
    folder: TempDir,
    address: SocketAddr,
}

impl Service {
    /// Runs on a Redis until the handle is dropped; returns when it is ready.
    pub(crate) async fn start(redis: &Redis, more: &[&str]) -> Self {
        let service = Self::start_unready(redis, more).await;
        service.ready().await;
        service
    }

    pub(crate) async fn start_unready(redis: &Redis, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        for name in ["logger", "logger-agent", "workflow", "builder"] {
            authority.certify_service(name, &folder.path().join(name));
        }
        let tls = folder.path().join("logger");
        let (context, address) = serve(redis, &tls, more, (Ipv4Addr::LOCALHOST, 0).into()).await;
        Self { context, folder, address }
    }

    /// Ends it and runs another at its address, as a Deployment does.
    pub(crate) async fn replace(&mut self, redis: &Redis, more: &[&str]) {
        self.context.shutdown.cancel();
        deadline(PATIENCE, self.context.tasks.finished()).await.unwrap();
        let tls = self.certificates("logger");
        (self.context, self.address) = serve(redis, &tls, more, self.address).await;
    }

    /// Waits until the process is ready. It has no event to wait for: the kubelet asks as well.
    pub(crate) async fn ready(&self) {
        until(|| self.context.readiness.is_ready()).await;
    }

    /// Waits until the loss of Redis was noticed.
    pub(crate) async fn unready(&self) {
        until(|| !self.context.readiness.is_ready()).await;
    }

    pub(crate) fn address(&self) -> String {
        format!("https://{}", self.address)
    }

    pub(crate) fn certificates(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }

    pub(crate) fn client(&self, caller: &str) -> LogServiceClient<Client> {
        let identity = Identity::load(self.certificates(caller)).unwrap();
        LogServiceClient::new(connect("logger", self.address().parse().unwrap(), &identity))
    }

    /// As an agent.
    pub(crate) async fn agent(&self) -> Agent {
        let (batches, queue) = mpsc::channel(64);
        let answers = self.client("logger-agent").append(ReceiverStream::new(queue)).await.unwrap().into_inner();
        Agent { batches, answers }
    }

    /// As workflow.
    pub(crate) async fn read(&self, request: ReadRequest) -> Streaming<Entry> {
        self.client("workflow").read(request).await.unwrap().into_inner()
    }

    /// The newest entries of an app, as people would see them.
    pub(crate) async fn newest(&self, app: &str, lines: u32) -> Vec<String> {
        let mut entries = self.read(ReadRequest { app: app.to_owned(), lines, ..ReadRequest::default() }).await;
        let mut texts = Vec::new();
        while let Some(entry) = entries.message().await.unwrap() {
            texts.push(text(&entry));
        }
        texts
    }
}

async fn serve(redis: &Redis, tls: &Path, more: &[&str], address: SocketAddr) -> (Context, SocketAddr) {
    let (redis, password) = (redis.address(), redis.password_file());
    let usual = ["logger", "serve", "--redis", &redis, "--tls", tls.to_str().unwrap()];
    let secret = ["--redis-password-file", password.to_str().unwrap()];
    let arguments = [usual.as_slice(), &secret, more].concat();
    let Role::Serve(config) = Config::parse_from(arguments).role else { panic!("another role") };
    let context = Context::new("logger");
    let listener = context.bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = deis_logger::server::serve(listener, config, context.clone());
    context.tasks.spawn("service", async { serving.await.unwrap() });
    (context, address)
}

impl Drop for Service {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

pub(crate) struct Agent {
    pub(crate) batches: mpsc::Sender<AppendRequest>,
    pub(crate) answers: Streaming<AppendResponse>,
}

impl Agent {
    /// Sends a batch and waits until it is acknowledged.
    pub(crate) async fn append(&mut self, batch: AppendRequest) -> Result<(), Status> {
        let number = batch.batch;
        self.batches.send(batch).await.unwrap();
        let answer = deadline(PATIENCE, self.answers.message()).await.unwrap()?.unwrap();
        assert_eq!(answer.batch, number);
        Ok(())
    }
}

/// Lines of one container of an app, each at its position; written at that second of 1970.
pub(crate) fn batch(app: &str, pod: &str, lines: &[(u64, &str)]) -> AppendRequest {
    let line = |(position, text): &(u64, &str)| Line {
        position: *position,
        time_micros: i64::try_from(*position).unwrap() * 1_000_000,
        stream: 1,
        text: (*text).to_owned().into(),
        lost_before: 0,
    };
    AppendRequest {
        batch: 7,
        app: app.to_owned(),
        pod: pod.to_owned(),
        process: pod.split('-').next().unwrap().to_owned(),
        release: "v2".to_owned(),
        source: format!("uid-of-{pod}/web/0"),
        lines: lines.iter().map(line).collect(),
    }
}

/// An entry as `deis logs` prints it.
pub(crate) fn text(entry: &Entry) -> String {
    match entry.entry.as_ref().unwrap() {
        Kind::Line(line) => format!("{} -- {}", line.pod, String::from_utf8_lossy(&line.text)),
        Kind::Event(event) => format!("deis[controller] -- {}", event.text),
        Kind::Dropped(dropped) => format!("deis[logger] -- {} lines missing: {}", dropped.lines, dropped.reason),
        Kind::CaughtUp(_) => "caught up".to_owned(),
    }
}

/// The next entry of a follower.
pub(crate) async fn next(entries: &mut Streaming<Entry>) -> Option<String> {
    let entry = deadline(PATIENCE, entries.message()).await.unwrap().unwrap();
    entry.as_ref().map(text)
}

/// The code of a refusal, as text: "limit-reached".
pub(crate) fn code(status: &Status) -> &'static str {
    Fault::from(status).code.as_str()
}

/// Waits for something that can only be asked for.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    let asked = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    deadline(PATIENCE, asked).await.unwrap();
}
