//! A builder of one build: the other end of the conversation, on loopback.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use deis_build::{Config, Failure, Folders};
use deis_oci::{CheckedLayer, Compression, Layer, LayerPath, LayerWriter, Limits, Meta, Owner};
use deis_proto::builder::build_service_server::{BuildService, BuildServiceServer};
use deis_proto::builder::builder_message::{Accepted, CacheEnd, Message as FromBuilder, SourceEnd};
use deis_proto::builder::pod_message::Message;
use deis_proto::builder::{BuildFailure, BuildResult, BuildSpec, BuilderMessage, CacheLayer, LayerEnd, PodMessage};
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

const TOKEN: &str = "one-time-token";

/// What came from the pod.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) lines: Vec<String>,
    /// Name, what the reader found, and the bytes.
    pub(crate) layers: Vec<(String, CheckedLayer, Vec<u8>)>,
    pub(crate) result: Option<BuildResult>,
    pub(crate) failure: Option<BuildFailure>,
    pub(crate) cache: Vec<Cached>,
    pub(crate) kept: Vec<CacheLayer>,
    /// What was said at the end of the cache.
    pub(crate) cache_problem: Option<String>,
}

/// A layer of the cache, in either direction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cached {
    pub(crate) layer: CacheLayer,
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: LayerEnd,
}

/// What the builder has cached, and how much it takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cache {
    pub(crate) given: Vec<Cached>,
    pub(crate) max_bytes: i64,
}

impl Received {
    /// Extracts a layer; the path of what it holds.
    pub(crate) fn unpack(&self, name: &str, into: &Path) -> PathBuf {
        let (_, _, bytes) = self.layers.iter().find(|(layer, ..)| layer == name).unwrap();
        let folder = into.join(name.replace(['/', ':'], "_"));
        deis_oci::unpack(bytes.as_slice(), Compression::Gzip, &folder, &Limits::default()).unwrap();
        folder
    }
}

struct FakeBuilder {
    spec: BuildSpec,
    source: Vec<u8>,
    cache: Vec<Cached>,
    received: mpsc::Sender<Received>,
}

#[tonic::async_trait]
impl BuildService for FakeBuilder {
    type BuildStream = Pin<Box<dyn Stream<Item = Result<BuilderMessage, Status>> + Send>>;

    async fn build(&self, request: Request<Streaming<PodMessage>>) -> Result<Response<Self::BuildStream>, Status> {
        assert_eq!(request.metadata().get("authorization").unwrap(), &format!("Bearer {TOKEN}"));
        let mut incoming = request.into_inner();
        let (messages, outgoing) = mpsc::channel(1024);
        let send = move |message| messages.try_send(Ok(BuilderMessage { message: Some(message) })).unwrap();
        send(FromBuilder::Spec(self.spec.clone()));
        for chunk in self.source.chunks(1000) {
            send(FromBuilder::SourceChunk(chunk.to_vec().into()));
        }
        send(FromBuilder::SourceEnd(SourceEnd {}));
        for cached in &self.cache {
            send(FromBuilder::CacheLayer(cached.layer.clone()));
            for chunk in cached.bytes.chunks(100) {
                send(FromBuilder::CacheChunk(chunk.to_vec().into()));
            }
            send(FromBuilder::CacheLayerEnd(cached.end.clone()));
        }
        send(FromBuilder::CacheEnd(CacheEnd {}));
        let received = self.received.clone();
        #[expect(clippy::disallowed_methods, reason = "a server of a test, which ends with it")]
        tokio::spawn(async move {
            let taken = take(&mut incoming).await;
            if taken.failure.is_none() {
                send(FromBuilder::Accepted(Accepted {}));
            }
            received.try_send(taken).unwrap();
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(outgoing))))
    }
}

async fn take(incoming: &mut Streaming<PodMessage>) -> Received {
    let mut received = Received::default();
    let mut current = None;
    while let Some(Ok(message)) = incoming.next().await {
        match message.message.unwrap() {
            Message::Started(_) => {}
            Message::LogLine(line) => received.lines.push(line),
            Message::LayerStart(start) => current = Some((start.name, Vec::new())),
            Message::LayerChunk(chunk) => current.as_mut().unwrap().1.extend_from_slice(&chunk),
            Message::LayerEnd(end) => {
                let (name, bytes) = current.take().unwrap();
                let roots = ["workspace", "layers"].map(|root| LayerPath::parse(root).unwrap()).to_vec();
                let limits = Limits { roots, ..Limits::default() };
                let checked = deis_oci::check_layer(bytes.as_slice(), Compression::Gzip, &limits).unwrap();
                let claimed = Layer {
                    digest: end.digest.parse().unwrap(),
                    diff_id: end.diff_id.parse().unwrap(),
                    size: end.size.try_into().unwrap(),
                    compression: Compression::Gzip,
                };
                assert_eq!(checked.layer, claimed);
                received.layers.push((name, checked, bytes));
            }
            Message::CacheLayer(layer) => received.cache.push(Cached { layer, ..Cached::default() }),
            Message::CacheChunk(chunk) => received.cache.last_mut().unwrap().bytes.extend_from_slice(&chunk),
            Message::CacheLayerEnd(end) => received.cache.last_mut().unwrap().end = end,
            Message::CacheKept(layer) => received.kept.push(layer),
            Message::CacheEnd(end) => received.cache_problem = Some(end.problem),
            Message::Result(result) => {
                received.result = Some(result);
                return received;
            }
            Message::Failure(failure) => {
                received.failure = Some(failure);
                return received;
            }
        }
    }
    received
}

/// A source tree as `git archive` would send it.
pub(crate) fn source(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = LayerWriter::new(Vec::new(), Compression::None);
    for (path, content) in files {
        let meta = Meta::file(Owner::ROOT, false);
        archive.file(&LayerPath::parse(path).unwrap(), meta, content.len() as u64, content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().1
}

/// Runs one build with the buildpacks of `cnb`, in folders of its own below `root`, without a cache.
pub(crate) async fn build(
    cnb: &Path,
    root: &Path,
    source: Vec<u8>,
    environment: &[(&str, &str)],
    max_image_bytes: i64,
) -> (Result<(), Failure>, Received) {
    build_with(cnb, root, source, environment, max_image_bytes, Cache::default()).await
}

/// As [`build`], with a cache.
pub(crate) async fn build_with(
    cnb: &Path,
    root: &Path,
    source: Vec<u8>,
    environment: &[(&str, &str)],
    max_image_bytes: i64,
    cache: Cache,
) -> (Result<(), Failure>, Received) {
    let key = rcgen::generate_simple_self_signed(vec!["deis-builder".to_owned()]).unwrap();
    let (certificate, private) = (key.cert.pem(), key.signing_key.serialize_pem());
    let environment: HashMap<_, _> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let max_cache_bytes = cache.max_bytes;
    let spec = BuildSpec { app: "demo".to_owned(), sha: "a".repeat(40), environment, max_image_bytes, max_cache_bytes };

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (received, mut taken) = mpsc::channel(1);
    let server = Server::builder()
        .tls_config(ServerTlsConfig::new().identity(Identity::from_pem(&certificate, private)))
        .unwrap()
        .add_service(BuildServiceServer::new(FakeBuilder { spec, source, cache: cache.given, received }))
        .serve_with_incoming(TcpListenerStream::new(listener));

    let config = Config {
        builder_address: address.to_string(),
        builder_name: "deis-builder".to_owned(),
        ca: certificate,
        token: TOKEN.to_owned().into(),
        folders: Folders {
            cnb: cnb.to_owned(),
            app: root.join("workspace"),
            layers: root.join("layers"),
            scratch: root.join("scratch"),
        },
    };
    std::fs::create_dir_all(&config.folders.scratch).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the program under test has a runtime of its own")]
    let program = tokio::task::spawn_blocking(move || deis_build::run(config));
    tokio::select! {
        outcome = program => {
            let outcome = outcome.unwrap();
            (outcome, taken.try_recv().unwrap_or_default())
        }
        ended = server => unreachable!("the server ended: {ended:?}"),
    }
}

/// A git server on loopback for the repositories below `folder`: its address. git's own daemon serves each connection.
pub(crate) async fn git_daemon(folder: &Path) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let folder = folder.to_owned();
    #[expect(clippy::disallowed_methods, reason = "a server of a test, which ends with it")]
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = stream.into_std().unwrap();
            stream.set_nonblocking(false).unwrap();
            let stream = std::os::fd::OwnedFd::from(stream);
            #[expect(clippy::disallowed_methods, reason = "a server of a test")]
            let mut daemon = tokio::process::Command::new("git");
            daemon
                .args(["daemon", "--inetd", "--export-all"])
                .arg(format!("--base-path={}", folder.display()))
                .arg(&folder)
                .stdin(stream.try_clone().unwrap())
                .stdout(stream)
                .stderr(std::process::Stdio::null())
                .kill_on_drop(true);
            drop(daemon.spawn().unwrap().wait().await);
        }
    });
    address
}

/// Runs git in a folder; what it printed.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    #[expect(clippy::disallowed_methods, reason = "tests make repositories")]
    let output = std::process::Command::new("git")
        .args(["-c", "user.name=Jason", "-c", "user.email=jason@example.com"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
