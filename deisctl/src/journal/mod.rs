//! Following the log of a component across restarts of its containers, pods that come and go, and lost connections.

mod follow;
mod position;
mod source;

pub(crate) use self::follow::follow;
