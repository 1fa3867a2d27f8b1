//! A request's place in a trace. Where traces are made (`DEIS_OTLP_ENDPOINT`) the router has a span for each request, which
//! continues the client's trace or begins one; elsewhere the client's `traceparent` goes on untouched.

use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use opentelemetry::global::get_text_map_propagator;
use opentelemetry::propagation::{Extractor, Injector};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The span of a request; it costs nothing where neither traces nor logs at this level are wanted.
pub(super) fn span<B>(request: &Request<B>) -> Span {
    let span = tracing::debug_span!(
        "request",
        otel.kind = "server",
        http.request.method = %request.method(),
        url.path = request.uri().path(),
        deis.app = Empty,
        http.response.status_code = Empty,
    );
    if !span.is_disabled() {
        // Fails only where no traces are made.
        drop(span.set_parent(get_text_map_propagator(|propagator| propagator.extract(&Headers(request.headers())))));
    }
    span
}

/// Notes how the request ended.
pub(super) fn record(span: &Span, app: Option<&str>, status: StatusCode) {
    if let Some(app) = app {
        span.record("deis.app", app);
    }
    span.record("http.response.status_code", status.as_u16());
}

/// Makes the current span the parent of what the next server does.
pub(super) fn inject(headers: &mut HeaderMap) {
    let span = Span::current();
    if !span.is_disabled() {
        get_text_map_propagator(|propagator| propagator.inject_context(&span.context(), &mut HeadersMut(headers)));
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(key), Ok(value)) = (key.parse::<HeaderName>(), HeaderValue::try_from(value)) {
            self.0.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    /// The `traceparent` that an app gets from a request with this one.
    fn passed_on(parent: Option<&str>) -> Option<String> {
        let mut request = Request::new(());
        if let Some(parent) = parent {
            request.headers_mut().insert("traceparent", parent.parse().unwrap());
        }
        span(&request).in_scope(|| inject(request.headers_mut()));
        request.headers().get("traceparent").map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn traces_go_on_or_begin_where_they_are_made() {
        let client = format!("00-{TRACE}-00f067aa0ba902b7-01");
        assert_eq!(passed_on(Some(&client)), Some(client.clone()));
        assert_eq!(passed_on(None), None);

        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let traces = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
        tracing::subscriber::with_default(traces, || {
            let ours = passed_on(Some(&client)).unwrap();
            assert!(ours.contains(TRACE) && ours != client, "{ours}: the same trace, our span");
            let new = passed_on(None).unwrap();
            assert!(new.ends_with("-01") && !new.contains(TRACE), "{new}");
        });
    }
}
