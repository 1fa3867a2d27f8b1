//! Kubernetes as the deploys see it: [`cache`] reads through watches, [`writes`] writes through `deis-kube`.

mod attach;
mod cache;
mod certificates;
mod demolish;
mod extras;
mod logs;
mod observe;
mod one_offs;
mod process;
mod trouble;
mod writes;

pub use cache::Cache;
pub use writes::{Kubernetes, PullKey};
