//! Every label, annotation and object that Deis writes to Kubernetes or reads from it.

pub mod watch;
