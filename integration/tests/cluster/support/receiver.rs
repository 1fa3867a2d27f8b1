use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1 as otlp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::MACHINE;

/// OTLP's own port: the platform is told before any test runs where to send its traces.
const PORT: u16 = 4317;

/// How long a span may be on its way: services send what has ended every five seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// A span that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// "deis-builder".
    pub(crate) service: String,
    pub(crate) name: String,
    /// The app it is about, where it says so.
    pub(crate) app: Option<String>,
    pub(crate) trace: Vec<u8>,
    pub(crate) id: Vec<u8>,
    /// Empty for a trace's root.
    pub(crate) parent: Vec<u8>,
}

/// Where the platform's traces go: an OTLP/gRPC receiver.
pub(crate) struct Receiver {
    /// All that has arrived.
    spans: watch::Receiver<Vec<Span>>,
    server: JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let (sender, spans) = watch::channel(Vec::new());
        let listener = TcpListener::bind((MACHINE, PORT)).await.unwrap();
        let service = TraceServiceServer::new(Collector { spans: sender });
        let server = tonic::transport::Server::builder().add_service(service);
        #[expect(clippy::disallowed_methods, reason = "a test has no process around it")]
        let server = tokio::spawn(async move {
            server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
        Self { spans, server }
    }

    /// Waits until what has arrived answers the question. Asks again whenever spans arrive and at no other time; fails with what
    /// is known of the app.
    pub(crate) async fn until<T>(&self, what: &str, app: &str, answer: impl Fn(&[Span]) -> Option<T>) -> T {
        let mut spans = self.spans.clone();
        let mut answered = None;
        let wait = spans.wait_for(|spans| {
            answered = answer(spans);
            answered.is_some()
        });
        let ended = deis_bootstrap::deadline(LIMIT, wait).await.map(|arrived| drop(arrived.expect("it serves")));
        answered.unwrap_or_else(|| {
            let spans = self.spans.borrow();
            let is_about = |span: &&Span| span.app.as_deref() == Some(app);
            let traces = spans.iter().filter(is_about).map(|span| &span.trace).collect::<Vec<_>>();
            let known = spans.iter().filter(|span| traces.contains(&&span.trace)).collect::<Vec<_>>();
            panic!("waited until {what}: {ended:?}; of {} spans these are about it: {known:#?}", spans.len())
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Collector {
    spans: watch::Sender<Vec<Span>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of_service in request.into_inner().resource_spans {
            let attributes = of_service.resource.map(|resource| resource.attributes).unwrap_or_default();
            let service = text(&attributes, "service.name").unwrap_or_default();
            let spans = of_service.scope_spans.into_iter().flat_map(|scope| scope.spans);
            let spans = spans.map(|span| read(&service, span)).collect::<Vec<_>>();
            self.spans.send_modify(|all| all.extend(spans));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn read(service: &str, span: otlp::Span) -> Span {
    Span {
        service: service.to_owned(),
        app: text(&span.attributes, "app"),
        name: span.name,
        trace: span.trace_id,
        id: span.span_id,
        parent: span.parent_span_id,
    }
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}
