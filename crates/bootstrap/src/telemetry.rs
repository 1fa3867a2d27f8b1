//! JSON logs on standard error; traces to an OTLP receiver when there is one.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::ProcessConfig;

/// Logs or traces cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    #[error("DEIS_LOG is not a log filter")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    #[error("DEIS_OTLP_ENDPOINT cannot be used")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    #[error("logs are set up already")]
    Installed(#[source] tracing_subscriber::util::TryInitError),
}

/// Keeps the exporter; its `end` sends what is still queued.
#[derive(Debug)]
pub(crate) struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Must be called inside the runtime: the exporter's connection lives there.
    pub(crate) fn start(service: &'static str, config: &ProcessConfig) -> Result<Self, TelemetryError> {
        let filter = EnvFilter::try_new(&config.log).map_err(TelemetryError::Filter)?;
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());

        let traces = config.otlp_endpoint.as_deref().map(|endpoint| provider(service, endpoint)).transpose()?;
        let spans = traces.as_ref().map(|traces| tracing_opentelemetry::layer().with_tracer(traces.tracer(service)));
        let lines = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_writer(std::io::stderr);
        // One filter for lines and spans: at "info" it keeps out the spans that HTTP/2 makes for each frame, also for those that
        // carry the traces away. Filters of single layers lose spans wherever a library asks whether a level is enabled, as
        // sqlx does for each statement.
        let all = tracing_subscriber::registry().with(filter).with(lines).with(spans);
        all.try_init().map_err(TelemetryError::Installed)?;
        Ok(Self { traces })
    }

    pub(crate) fn end(self) {
        if let Some(traces) = self.traces
            && let Err(error) = traces.shutdown()
        {
            tracing::debug!(%error, "the last traces were not sent");
        }
    }
}

fn provider(service: &'static str, endpoint: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(TelemetryError::Exporter)?;
    let resource = Resource::builder().with_service_name(format!("deis-{service}")).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}
