//! What the tests on the real node share: the platform that `make test` has installed, and a developer who uses it.

mod app;
mod developer;
mod eventually;
mod following;
mod forward;
mod helm;
mod http;
mod load;
mod node;
mod output;
mod parts;
mod platform;
mod receiver;
mod record;
mod registry;
mod storage;
mod terminal;
mod tunnel;
mod witness;
mod workload;

pub(crate) use app::{App, is_ready, ready_backends};
pub(crate) use developer::{Developer, Repository};
pub(crate) use eventually::eventually;
pub(crate) use following::Following;
pub(crate) use forward::Forward;
pub(crate) use helm::helm;
pub(crate) use http::{ask, until_answers};
pub(crate) use load::Load;
pub(crate) use node::{node, node_logs};
pub(crate) use output::{Output, without_figures};
pub(crate) use parts::{PARTS, recovered};
pub(crate) use platform::{MACHINE, Platform};
pub(crate) use receiver::{Receiver, Span};
pub(crate) use registry::{Image, PASSWORD, PORT, Registry, USERNAME, elsewhere, here};
pub(crate) use terminal::Terminal;
pub(crate) use tunnel::{Tunnel, shown};
