//! The gRPC contracts between the services: `deis/<service>/v1/*.proto`, with the code that is generated from them.
//!
//! The generated code is checked in under `src/gen`; `tests/generated.rs` generates it again. Who may call a method is part
//! of the contract: the option `deis.rpc.v1.callers`, as the table [`CALLERS`], which `deis-rpc` enforces.

mod secret;

include!("gen/callers.rs");

/// All descriptors, encoded as a `google.protobuf.FileDescriptorSet`, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("gen/descriptors.bin");

/// `deis.builder.v1`: builder, as the controller and its build pods see it.
pub mod builder {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::disallowed_types,
        clippy::use_self,
        reason = "generated; the .proto files hold the documentation"
    )]
    include!("gen/deis.builder.v1.rs");
}

/// `deis.logger.v1`: the newest log lines of every app.
pub mod logger {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::disallowed_types,
        clippy::use_self,
        reason = "generated; the .proto files hold the documentation"
    )]
    include!("gen/deis.logger.v1.rs");
}

/// `deis.registry.v1`: the nodes' registry proxies.
pub mod registry {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::disallowed_types,
        clippy::use_self,
        reason = "generated; the .proto files hold the documentation"
    )]
    include!("gen/deis.registry.v1.rs");
}

/// `deis.router.v1`: routers.
pub mod router {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::disallowed_types,
        clippy::use_self,
        reason = "generated; the .proto files hold the documentation"
    )]
    include!("gen/deis.router.v1.rs");
}

/// `deis.state.v1`: what must be agreed on now.
pub mod state {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::disallowed_types,
        clippy::use_self,
        reason = "generated; the .proto files hold the documentation"
    )]
    include!("gen/deis.state.v1.rs");
}

/// `deis.workflow.v1`: the controller, as the builder sees it.
pub mod workflow {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::disallowed_types,
        clippy::use_self,
        reason = "generated; the .proto files hold the documentation"
    )]
    include!("gen/deis.workflow.v1.rs");
}
