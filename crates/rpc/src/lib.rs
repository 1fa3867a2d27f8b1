//! How the services call each other: gRPC with mutual TLS, trace context, typed errors, health and reflection.
//!
//! A server names its contract and adds its services; who may call what is part of the contract and is checked here, before any
//! service sees a request. A client names the peer: its certificate must carry the DNS name `deis-{peer}`, whatever address was
//! dialled.
#![warn(missing_docs)]

mod answers;
mod client;
mod fault;
mod guard;
mod identity;
mod server;
mod tls;
mod trace;

pub use answers::{Answers, Refusal, answers, refusal};
pub use client::{Client, connect, request};
pub use fault::{Fault, status};
pub use guard::{Calls, caller};
pub use identity::{Identity, IdentityError};
pub use server::{Contract, ServeError, Server};
