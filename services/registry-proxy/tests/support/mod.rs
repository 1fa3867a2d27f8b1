//! What the tests of this service stand on: a real registry, and the proxy in front of it.
#![allow(dead_code, unreachable_pub, reason = "every test binary uses a part of it")]
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

pub mod authority;
pub mod proxy;
pub mod registry;
pub mod wire;
