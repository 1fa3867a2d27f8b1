//! The contract `deis.state.v1`, as its callers see it: over real sockets, on the memory store and on etcd.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests assert by panicking")]

mod grpc {
    mod holdings;
    mod leadership;
    mod lease;
    mod lock;
    mod progress;
    mod service;
    mod settings;
}
mod support;

use deis_proto::state::GrantRequest;
use support::service::Service;

/// Two seconds: the shortest lease.
const SHORTEST: Option<prost_types::Duration> = Some(prost_types::Duration { seconds: 2, nanos: 0 });
/// Longer than any test.
const LONG: Option<prost_types::Duration> = Some(prost_types::Duration { seconds: 600, nanos: 0 });

async fn lease(service: &Service, time_to_live: Option<prost_types::Duration>) -> i64 {
    let request = GrantRequest { time_to_live, holder: "builder-0".to_owned() };
    service.leases().grant(request).await.unwrap().into_inner().lease_id
}
