//! Notes about an app; they do not reach Kubernetes.

pub mod list;
pub mod set;
pub mod unset;
