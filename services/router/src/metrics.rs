//! What Prometheus sees. The request path counts in the routes themselves; all else is read when asked for.

use std::fmt;
use std::sync::Arc;

use deis_bootstrap::Metrics;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use crate::proxy::Pool;
use crate::table::Live;
use crate::traffic::Traffic;

pub(crate) fn register(
    metrics: &Metrics,
    live: &Arc<Live>,
    traffic: &Arc<Traffic>,
    connections: &Gauge,
    pool: &Arc<Pool>,
) {
    let requests = Requests(Arc::clone(traffic));
    metrics.register("requests", "Requests answered, by class of status and whether they found a route", requests);
    metrics.register("connections", "Open connections from clients", connections.clone());
    let counter = |name, help, counter: &Counter| metrics.register(name, help, counter.clone());
    counter("ejections", "Pods passed over for taking no connections, each time", &traffic.ejections);
    counter("retries", "Requests that a first pod took nothing of and a second one was tried for", &traffic.retries);
    counter(
        "retries_refused",
        "Requests that no second pod was tried for: too many needed one",
        &traffic.retries_refused,
    );
    counter("busy", "Requests refused since the app had as many under way as it may", &traffic.busy);
    counter("slow_uploads", "Requests refused since their bodies came too slowly", &traffic.slow_uploads);
    counter("stalled", "Answers given up since their clients took nothing of them for too long", &traffic.stalled);
    metrics.register("waiting", "Requests that wait for a place at a pod", traffic.waiting.clone());
    metrics.register("idle_connections", "Connections to pods that wait for a request", Idle(Arc::clone(pool)));
    let reading = |name, help, read| metrics.register(name, help, Reading { live: Arc::clone(live), read });
    reading("table_generation", "Changes of the table since the start", |live| live.table().generation());
    reading("routes", "Services served", |live| live.table().services() as u64);
    reading("hosts", "Hosts served", |live| live.table().hosts() as u64);
    reading("backends", "Pod addresses in the table", |live| live.table().backends() as u64);
    reading("ejected_backends", "Pod addresses passed over for taking no connections", |live| {
        let table = live.table();
        table.routes().flat_map(|route| &route.backends).filter(|backend| backend.is_ejected()).count() as u64
    });
    reading("settings_ignored", "Settings of the operator that cannot be obeyed", |live| {
        live.table().ignored_settings() as u64
    });
    reading("certificates", "Certificates of domains, beside the platform's", |live| {
        live.table().certificates() as u64
    });
    reading("certificates_ignored", "Secrets that cannot be served as certificates", |live| {
        live.table().broken_certificates() as u64
    });
    reading("stale_seconds", "For how long a watch has been broken", |live| {
        live.stale_for().map_or(0, |stale| stale.as_secs())
    });
}

/// The counts so far.
struct Requests(Arc<Traffic>);

impl EncodeMetric for Requests {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (routed, class, count) in self.0.counts() {
            let labels = [("class", class), ("routed", if routed { "true" } else { "false" })];
            encoder.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Requests")
    }
}

/// One number of the live table.
struct Reading {
    live: Arc<Live>,
    read: fn(&Live) -> u64,
}

impl EncodeMetric for Reading {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&(self.read)(&self.live))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reading")
    }
}

/// How many connections to pods are idle.
#[derive(Debug)]
struct Idle(Arc<Pool>);

impl EncodeMetric for Idle {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&(self.0.idle() as u64))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}
