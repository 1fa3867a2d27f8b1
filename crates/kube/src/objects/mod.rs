//! Pure builders: what an app looks like in Kubernetes.

mod autoscaler;
mod budget;
mod build_pod;
mod certificate;
mod controller;
mod drain;
mod namespace;
mod one_off;
mod pod;
mod process;
mod release_phase;
mod secrets;
mod service;
mod settings;

pub use autoscaler::{autoscale_rule, autoscaler};
pub use budget::budget;
pub use build_pod::{BUILD_PODS, Build, Limits, build_pod};
pub use certificate::{certificate, read_certificate};
pub use controller::controller;
pub use drain::Drain;
pub use namespace::namespace;
pub use one_off::{Attendance, MARK, OneOff, one_off};
pub use pod::{CPU, MEMORY};
pub use process::{Amount, LAUNCHER, Process, Program, Serves, Start};
pub use release_phase::release_phase;
pub use secrets::{REGISTRY, environment, pull_secret};
pub use service::{Routing, Rules, is_of_paths, service, services_of_paths};
pub use settings::{read_router_settings, router_settings};
