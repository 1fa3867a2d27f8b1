//! workflow, the controller: it owns the ledger (users, keys, apps, configs, builds, releases) in SQL, and the deploys.
//!
//! It promises that what it answered with success is committed, that every release it has recorded is deployed or marked as failed
//! though any process may die, and that a failing release never replaces a serving one. Any number of replicas may run: they take
//! turns by locks in state, and fences in the ledger make a process that has lost its lock harmless.
//!
//! Ports: REST `/v2` on 8000, gRPC `workflow.v1.PushService` on 50051. It leans on PostgreSQL, state, Kubernetes, the routers, builder
//! and logger; with `--embedded` on Kubernetes and a folder alone ([`embedded`]), for trying out and for tests.
//!
//! What it does in Kubernetes (the chart grants exactly this):
//!
//! | Resource | Where | Verbs |
//! |---|---|---|
//! | namespaces | cluster | get, list, watch, create, patch, delete |
//! | nodes | cluster | list |
//! | services | apps | get, list, watch, create, patch, delete |
//! | secrets | apps | get, list, create, patch, delete |
//! | replicationcontrollers | apps | list, watch, create, patch, delete |
//! | pods | apps | list, watch, create, patch, delete |
//! | pods/log | apps | get |
//! | pods/attach, pods/exec | apps | get, create |
//! | events | apps | list, watch, create |
//! | endpointslices.discovery.k8s.io | the platform's namespace | list, watch |
//! | secrets | the certificates' namespace | watch |
//! | configmaps | the platform's namespace | create; of `deis-router-settings` get, list, watch, patch |

pub mod access;
pub mod accounts;
pub mod acting;
pub mod apps;
pub mod builds;
pub mod certificates;
pub mod config;
pub mod configs;
pub mod deploy;
pub mod embedded;
pub mod error;
pub mod hooks;
pub mod images;
mod keeper;
pub mod kubernetes;
pub mod ledger;
pub mod limit;
pub mod logs;
pub mod peers;
pub mod releases;
pub mod runs;
pub mod seams;
pub mod server;
mod start;
pub mod variables;

pub use config::Config;
pub use start::{StartError, run, run_with};
