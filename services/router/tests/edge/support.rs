//! A router in this process, apps behind it, and clients that show what they see.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use clap::Parser as _;
use deis_bootstrap::{Context, TaskHandle, deadline};
use deis_kube::watch::Health;
use deis_router::table::ServiceKey;
use deis_router::table::facts::{Certificate, Endpoint, Event, Service, Slice, Watch};
use deis_router::{Config, Error, Feed, Listeners};
use futures_util::StreamExt as _;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// More than anything here takes; a test that waits this long has failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A running router.
pub(crate) struct Edge {
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) git: SocketAddr,
    pub(crate) grpc: SocketAddr,
    pub(crate) context: Context,
    pub(crate) health: Health,
    pub(crate) folder: Arc<TempDir>,
    pub(crate) authority: Arc<Authority>,
    events: mpsc::Sender<Event>,
    served: TaskHandle<Result<(), Error>>,
}

impl Edge {
    /// A router for example.com whose table holds what these events say.
    pub(crate) async fn start(events: impl IntoIterator<Item = Event>) -> Self {
        let edge = Self::launch(&[], Arc::new(tempfile::tempdir().unwrap()), Arc::new(Authority::new())).await;
        edge.health.heal();
        for event in events {
            edge.send(event).await;
        }
        edge.complete().await;
        edge
    }

    /// A router that has heard nothing yet.
    pub(crate) async fn launch(options: &[&str], folder: Arc<TempDir>, authority: Arc<Authority>) -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        authority.write("router", &folder.path().join("tls"));
        let settings = ["--http-address", "--https-address", "--git-address", "--grpc-address", "--admin-address"];
        let settings = settings.into_iter().flat_map(|name| [name.to_owned(), "127.0.0.1:0".to_owned()]);
        let files = [
            ("--tls-folder", path("tls")),
            ("--platform-cert-folder", path("platform")),
            ("--table-file", path("table/table.json")),
            ("--certificates-file", path("certificates/certificates.json")),
            ("--domain", "example.com".to_owned()),
        ];
        let files = files.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
        let options = options.iter().map(|option| (*option).to_owned());
        let arguments = ["router".to_owned()].into_iter().chain(settings).chain(files).chain(options);
        let config = Config::try_parse_from(arguments).unwrap();

        let context = Context::new("router");
        let listeners = Listeners::bind(&config, &context).await.unwrap();
        let address = |listener: &TcpListener| listener.local_addr().unwrap();
        let (http, https) = (address(&listeners.http), address(&listeners.https));
        let (git, grpc) = (address(&listeners.git), address(&listeners.grpc));
        let (events, received) = mpsc::channel(64);
        let health = Health::default();
        let feed = Feed { events: ReceiverStream::new(received).boxed(), healths: vec![health.clone()] };
        let first_table = deis_router::first_table(&context);
        let router = deis_router::serve(config, context.clone(), listeners, feed, first_table);
        let served = context.tasks.spawn("router", router);
        Self { http, https, git, grpc, context, health, folder, authority, events, served }
    }

    pub(crate) async fn send(&self, event: Event) {
        self.events.send(event).await.unwrap();
    }

    /// All lists are complete; returns when the router says so.
    pub(crate) async fn complete(&self) {
        for watch in Watch::ALL {
            self.send(Event::Complete(watch)).await;
        }
        self.until(|edge| edge.context.readiness.is_ready()).await;
    }

    /// Sends an event and waits until the table has it.
    pub(crate) async fn change(&self, event: Event) {
        self.until_changed(self.send(event)).await;
    }

    /// As [`complete`](Self::complete), for a router that is ready already.
    pub(crate) async fn complete_changed(&self) {
        self.until_changed(self.complete()).await;
    }

    async fn until_changed(&self, act: impl Future<Output = ()>) {
        let generation = || self.metric("table_generation");
        let before = generation();
        act.await;
        self.until(|_| generation() != before).await;
    }

    pub(crate) async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let reached = async {
            while !condition(self) {
                tokio::task::yield_now().await;
            }
        };
        deadline(LIMIT, reached).await.unwrap();
    }

    /// All metrics.
    pub(crate) fn metrics(&self) -> String {
        self.context.metrics.encode().unwrap()
    }

    /// One line of the metrics: "requests_total{class=...".
    pub(crate) fn metric(&self, name: &str) -> String {
        let all = self.metrics();
        let prefix = format!("deis_router_{name}");
        all.lines().find(|line| line.starts_with(&prefix)).unwrap_or_default().to_owned()
    }

    /// A plain request for `app.example.com`.
    pub(crate) async fn get(&self, path: &str) -> Seen {
        self.ask(Request::get(path).header("host", "app.example.com").body(Full::default()).unwrap()).await
    }

    pub(crate) async fn ask(&self, request: Request<Full<Bytes>>) -> Seen {
        let stream = TcpStream::connect(self.http).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        self.context.tasks.spawn("client", connection);
        Seen::read(deadline(LIMIT, sender.send_request(request)).await.unwrap().unwrap()).await
    }

    /// Sends bytes as they are and returns everything that comes back until the router closes the connection.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.http).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A connection that is reset has been closed too.
        drop(deadline(LIMIT, stream.read_to_end(&mut answer)).await.unwrap());
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Asks the router to end and waits until it has.
    pub(crate) async fn stop(self) {
        self.context.shutdown.cancel();
        deadline(LIMIT, self.served).await.unwrap().unwrap().unwrap();
        deadline(LIMIT, self.context.tasks.finished()).await.unwrap();
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Seen {
    pub(crate) async fn read(response: Response<Incoming>) -> Self {
        let (head, mut body) = response.into_parts();
        let mut bytes = Vec::new();
        while let Some(frame) = deadline(LIMIT, body.frame()).await.unwrap() {
            bytes.extend_from_slice(&frame.unwrap().into_data().unwrap_or_default());
        }
        Self { status: head.status.as_u16(), headers: head.headers, text: String::from_utf8(bytes).unwrap() }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A process of an app: an HTTP server on loopback.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

pub(crate) type Body = BoxBody<Bytes, hyper::Error>;

pub(crate) fn text(text: impl Into<Bytes>) -> Response<Body> {
    Response::new(Full::new(text.into()).map_err(|never: Infallible| match never {}).boxed())
}

impl App {
    pub(crate) async fn start<F, Fut>(answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::start_at(TcpListener::bind("127.0.0.1:0").await.unwrap(), answer)
    }

    pub(crate) fn start_at<F, Fut>(listener: TcpListener, answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Response<Body>> + Send + 'static,
    {
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (tasks, accepted) = (Context::new("app").tasks, Arc::clone(&connections));
        let serving = tasks.clone();
        tasks.spawn("app", async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                accepted.fetch_add(1, Ordering::Relaxed);
                let answer = answer.clone();
                let service = service_fn(move |request| {
                    let answer = answer(request);
                    async move { Ok::<_, Infallible>(answer.await) }
                });
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                serving.spawn("connection", connection);
            }
        });
        Self { address, connections }
    }

    /// One that always says the same.
    pub(crate) async fn saying(words: &'static str) -> Self {
        Self::start(move |_| async move { text(words) }).await
    }

    /// One that says what it was asked: a line with method and target, its headers in order of their names, the body.
    pub(crate) async fn echo() -> Self {
        Self::start(|request| async move {
            let (head, mut body) = request.into_parts();
            let mut lines = vec![format!("{} {}", head.method, head.uri)];
            let mut headers = head
                .headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect::<Vec<_>>();
            headers.sort();
            lines.append(&mut headers);
            lines.push(String::new());
            let mut said = lines.join("\n").into_bytes();
            said.push(b'\n');
            while let Some(Ok(frame)) = body.frame().await {
                said.extend_from_slice(&frame.into_data().unwrap_or_default());
            }
            text(said)
        })
        .await
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

pub(crate) fn key() -> ServiceKey {
    ServiceKey { namespace: "app".to_owned(), name: "app".to_owned() }
}

/// The Service of the app "app" with these annotations besides its domain.
pub(crate) fn service(annotations: &[(&str, &str)]) -> Event {
    let annotations = [("domains", "app")].iter().chain(annotations);
    Event::Service(Service {
        key: key(),
        created: 1,
        app: Some("app".to_owned()),
        annotations: annotations.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        port: String::new(),
        address: None,
    })
}

/// One slice for each address, since all of them have ports of their own. The pods' uids are their ports.
pub(crate) fn pods(addresses: &[SocketAddr]) -> Vec<Event> {
    addresses.iter().map(|address| pod(*address)).collect()
}

pub(crate) fn pod(address: SocketAddr) -> Event {
    Event::Slice(Slice {
        name: format!("app-{}", address.port()),
        service: key(),
        ports: BTreeMap::from([(String::new(), address.port())]),
        endpoints: vec![Endpoint { ip: address.ip(), pod_uid: Some(address.port().to_string()) }],
    })
}

/// Everything that serves one app.
pub(crate) fn app(annotations: &[(&str, &str)], addresses: &[SocketAddr]) -> Vec<Event> {
    let mut events = pods(addresses);
    events.push(service(annotations));
    events
}

/// An address that refuses connections.
pub(crate) async fn refusing() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A service's certificate, as `deisctl init` makes them.
    pub(crate) fn write(&self, service: &str, folder: &Path) {
        let mut params = CertificateParams::new([format!("deis-{service}")]).unwrap();
        let uri = format!("spiffe://deis/{service}");
        params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
        self.write_certificate(params, folder);
    }

    /// A certificate for these names, as its Secret tells it.
    pub(crate) fn certificate(&self, secret: &str, names: &[&str]) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        let chain = params.signed_by(&key, &self.issuer).unwrap().pem();
        Certificate::new(secret.to_owned(), chain, key.serialize_pem().into())
    }

    /// The platform's wildcard certificate.
    pub(crate) fn write_platform(&self, folder: &Path) {
        self.write_certificate(CertificateParams::new(["*.example.com".to_owned()]).unwrap(), folder);
    }

    fn write_certificate(&self, params: CertificateParams, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
        std::fs::write(folder.join("ca.crt"), &self.pem).unwrap();
        std::fs::write(folder.join("tls.crt"), certificate.pem()).unwrap();
    }
}
