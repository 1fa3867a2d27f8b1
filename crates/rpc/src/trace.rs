//! Trace context in gRPC metadata (W3C Trace Context: `traceparent`).

use http::HeaderMap;
use opentelemetry::propagation::{Extractor, Injector};
use tonic::metadata::{MetadataKey, MetadataMap};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Adds the current span's context to every request.
#[derive(Clone, Copy, Debug)]
pub struct InjectContext;

impl tonic::service::Interceptor for InjectContext {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        let context = tracing::Span::current().context();
        opentelemetry::global::get_text_map_propagator(|propagator| {
            propagator.inject_context(&context, &mut IntoMetadata(request.metadata_mut()));
        });
        Ok(request)
    }
}

struct IntoMetadata<'a>(&'a mut MetadataMap);

impl Injector for IntoMetadata<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(key), Ok(value)) = (MetadataKey::from_bytes(key.as_bytes()), value.parse()) {
            self.0.insert(key, value);
        }
    }
}

struct FromHeaders<'a>(&'a HeaderMap);

impl Extractor for FromHeaders<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// Makes a span part of the caller's trace.
pub(crate) fn continue_trace(span: &tracing::Span, headers: &HeaderMap) {
    let context =
        opentelemetry::global::get_text_map_propagator(|propagator| propagator.extract(&FromHeaders(headers)));
    // Fails only where no traces are made.
    drop(span.set_parent(context));
}
