//! Where something can stand between the service and the world outside. What is shipped has [`Plain`] there, which is nothing;
//! `workflow-failpoints` has its failpoints there.

use std::fmt::Debug;
use std::sync::Arc;

use crate::deploy::{Effects, Outside, Surroundings};
use crate::runs::OneOffs;

/// What stands between the service and the world outside.
pub trait Seams: Send + Sync + 'static {
    /// The world as deploys see it.
    type World: Effects + Surroundings;

    /// Stands between the deploys and the world.
    fn world(&self, outside: Outside) -> Self::World;
    /// Stands between the commands that users run and their pods.
    fn runs(&self, pods: Arc<dyn OneOffs>) -> Arc<dyn OneOffs>;
    /// Stands at the commit of the ledger that every push, change of the config and rollback comes down to.
    fn commit(&self) -> Arc<dyn Commit>;
}

/// The two sides of the commit of a new release.
pub trait Commit: Debug + Send + Sync + 'static {
    /// All is written, and nothing stays if the process dies now.
    fn before(&self) {}
    /// All stays, and nobody knows yet.
    fn after(&self) {}
}

/// Nothing in between.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Seams for Plain {
    type World = Outside;

    fn world(&self, outside: Outside) -> Outside {
        outside
    }

    fn runs(&self, pods: Arc<dyn OneOffs>) -> Arc<dyn OneOffs> {
        pods
    }

    fn commit(&self) -> Arc<dyn Commit> {
        Arc::new(Self)
    }
}

impl Commit for Plain {}
