//! A logger in memory behind the real edge: mutual TLS, and callers checked by the contract. It can go away and come back.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use deis_api::Code;
use deis_bootstrap::Context;
use deis_proto::logger::entry::{AppLine, CaughtUp, Dropped, Entry as Content, Event};
use deis_proto::logger::log_service_server::{LogService, LogServiceServer};
use deis_proto::logger::{
    AppendRequest, AppendResponse, DeleteAppRequest, DeleteAppResponse, Entry, ReadRequest, RecordEventRequest,
    RecordEventResponse, Stream,
};
use deis_rpc::{Client, Contract, Identity, Server};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status, Streaming};

/// 2100-01-01: after the creation of every app.
pub(crate) const LATER: i64 = 4_102_444_800;

pub(crate) struct TestLogger {
    store: Store,
    /// Whether it has lost its own store.
    away: Arc<watch::Sender<bool>>,
    folder: tempfile::TempDir,
    address: SocketAddr,
}

/// What is kept of each app.
#[derive(Clone, Default)]
struct Store(Arc<watch::Sender<BTreeMap<String, Vec<Entry>>>>);

impl TestLogger {
    pub(crate) async fn start(context: &Context) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certify(folder.path());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let identity = Identity::load(folder.path().join("logger")).unwrap();
        let contract = Contract { callers: deis_proto::CALLERS, descriptors: deis_proto::DESCRIPTORS };
        let logger = Self { store: Store::default(), away: Arc::default(), folder, address };
        let service = LogServiceServer::new(Service { store: logger.store.clone(), away: Arc::clone(&logger.away) });
        let server = Server::new(&identity, contract).add(service);
        let serving = server.serve(listener, context.shutdown.clone().cancelled_owned());
        drop(context.tasks.spawn("logger", async { serving.await.unwrap() }));
        logger
    }

    /// How workflow calls it.
    pub(crate) fn client(&self) -> Client {
        self.client_at(self.address)
    }

    /// How workflow calls whoever listens there.
    pub(crate) fn client_at(&self, address: SocketAddr) -> Client {
        let identity = Identity::load(self.folder.path().join("workflow")).unwrap();
        deis_rpc::connect("logger", format!("https://{address}").parse().unwrap(), &identity)
    }

    /// Refuses all calls, and ends those under way.
    pub(crate) fn go_away(&self) {
        self.away.send_replace(true);
    }

    /// Answers again, with what it had.
    pub(crate) fn come_back(&self) {
        self.away.send_replace(false);
    }

    /// What an app's process prints, at this second of [`LATER`].
    pub(crate) fn print(&self, app: &str, pod: &str, second: i64, text: &str) {
        let process = pod.rsplit('-').nth(1).unwrap();
        let line = AppLine {
            pod: pod.to_owned(),
            process: process.to_owned(),
            release: "v4".to_owned(),
            stream: Stream::Stdout.into(),
            text: text.to_owned().into(),
        };
        self.store.add(app, (LATER + second) * 1_000_000, Content::Line(line));
    }

    pub(crate) fn drop_lines(&self, app: &str, second: i64, lines: u64) {
        let reason = "more lines than are kept".to_owned();
        self.store.add(
            app,
            (LATER + second) * 1_000_000,
            Content::Dropped(Dropped { lines, pod: String::new(), reason }),
        );
    }

    /// The events of an app as `kind: text`, once there are so many.
    pub(crate) async fn events(&self, app: &str, count: usize) -> Vec<String> {
        let events = |kept: &BTreeMap<String, Vec<Entry>>| -> Vec<String> {
            let entries = kept.get(app).into_iter().flatten();
            let events = entries.filter_map(|entry| match &entry.entry {
                Some(Content::Event(event)) => Some(format!("{}: {}", event.kind, event.text)),
                _ => None,
            });
            events.collect()
        };
        let mut changes = self.store.0.subscribe();
        events(&changes.wait_for(|kept| events(kept).len() >= count).await.unwrap())
    }
}

impl Store {
    fn add(&self, app: &str, time_micros: i64, entry: Content) {
        let entry = Entry { time_micros, entry: Some(entry) };
        self.0.send_modify(|kept| kept.entry(app.to_owned()).or_default().push(entry));
    }
}

struct Service {
    store: Store,
    away: Arc<watch::Sender<bool>>,
}

impl Service {
    fn answer(&self) -> Result<(), Status> {
        if *self.away.borrow() { Err(gone()) } else { Ok(()) }
    }
}

fn gone() -> Status {
    deis_rpc::status(Code::Unavailable, "Redis does not answer")
}

fn wanted(request: &ReadRequest, entry: &Entry) -> bool {
    let process = match &entry.entry {
        Some(Content::Line(line)) => line.process.as_str(),
        _ => "",
    };
    entry.time_micros >= request.since_micros && (request.process.is_empty() || request.process == process)
}

#[tonic::async_trait]
impl LogService for Service {
    type AppendStream = BoxStream<'static, Result<AppendResponse, Status>>;
    type ReadStream = BoxStream<'static, Result<Entry, Status>>;

    async fn append(&self, _: Request<Streaming<AppendRequest>>) -> Result<Response<Self::AppendStream>, Status> {
        Err(deis_rpc::status(Code::Unavailable, "no agent calls here"))
    }

    async fn record_event(
        &self,
        request: Request<RecordEventRequest>,
    ) -> Result<Response<RecordEventResponse>, Status> {
        self.answer()?;
        let RecordEventRequest { app, kind, text, time_micros } = request.into_inner();
        self.store.add(&app, time_micros, Content::Event(Event { kind, text }));
        Ok(Response::new(RecordEventResponse {}))
    }

    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<Self::ReadStream>, Status> {
        self.answer()?;
        let request = request.into_inner();
        let kept = self.store.0.subscribe();
        let all = kept.borrow().get(&request.app).cloned().unwrap_or_default();
        let mut seen = all.len();
        let mut first = all.into_iter().filter(|entry| wanted(&request, entry)).collect::<Vec<_>>();
        let first = first.split_off(first.len().saturating_sub(request.lines as usize));
        if !request.follow {
            return Ok(Response::new(stream::iter(first.into_iter().map(Ok)).boxed()));
        }
        let caught_up = Entry { time_micros: 0, entry: Some(Content::CaughtUp(CaughtUp {})) };
        let news = WatchStream::from_changes(kept).flat_map(move |kept| {
            let all = kept.get(&request.app).cloned().unwrap_or_default();
            let news = all.iter().skip(seen).filter(|entry| wanted(&request, entry)).cloned().collect::<Vec<_>>();
            seen = all.len();
            stream::iter(news)
        });
        let entries = stream::iter(first).chain(stream::iter([caught_up])).chain(news).map(Ok);
        let mut away = self.away.subscribe();
        let ending = async move { drop(away.wait_for(|away| *away).await) };
        let entries = entries.take_until(ending).chain(stream::iter([Err(gone())]));
        Ok(Response::new(entries.boxed()))
    }

    async fn delete_app(&self, request: Request<DeleteAppRequest>) -> Result<Response<DeleteAppResponse>, Status> {
        self.answer()?;
        self.store.0.send_modify(|kept| drop(kept.remove(&request.get_ref().app)));
        Ok(Response::new(DeleteAppResponse {}))
    }
}

/// The folders `logger` and `workflow` with certificates of one authority.
fn certify(folder: &Path) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    for service in ["logger", "workflow"] {
        let mut params = CertificateParams::new(vec![format!("deis-{service}")]).unwrap();
        let uri = format!("spiffe://deis/{service}").try_into().unwrap();
        params.subject_alt_names.push(SanType::URI(uri));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let folder = folder.join(service);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
        std::fs::write(folder.join("tls.crt"), certificate.pem()).unwrap();
        std::fs::write(folder.join("ca.crt"), &authority).unwrap();
    }
}
