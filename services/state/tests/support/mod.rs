//! What the tests of this service stand on: a real etcd, certificates, and the service behind its real edge.
#![allow(dead_code, unused_imports, unused_macros, unreachable_pub, reason = "every test binary uses a part of it")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests assert by panicking")]

pub mod authority;
pub mod etcd;
pub mod service;

use std::time::Duration;

use deis_state::store::memory::Memory;
use deis_state::store::{Revision, Store};

/// A store under test, with the one power that a store does not give its users.
pub trait World {
    type Store: Store;

    fn store(&self) -> Self::Store;

    /// Makes the store forget its changes up to a revision.
    async fn compact(&self, revision: Revision);

    /// Lets time pass, where it does not do so by itself.
    fn pass(&self, time: Duration);
}

impl World for Memory {
    type Store = Self;

    fn store(&self) -> Self {
        self.clone()
    }

    async fn compact(&self, revision: Revision) {
        Self::compact(self, revision);
    }

    fn pass(&self, time: Duration) {
        self.advance(time);
    }
}

/// Instantiates each case for the memory store and for etcd.
macro_rules! conformance {
    (memory: $memory:expr, $($case:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $case() {
                super::$case(&$memory).await;
            })+
        }
        mod etcd {
            $(#[tokio::test] async fn $case() {
                super::$case(&super::support::etcd::Etcd::start().await).await;
            })+
        }
    };
}
pub(crate) use conformance;
