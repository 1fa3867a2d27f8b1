//! Redis: one stream for each app.
//!
//! An entry of a stream is what came in at once: up to some hundred lines of one container, one event, or a note that lines are
//! missing. So the cost of a line is small, and what is kept is bounded in lines and bytes all the same, for each entry says how
//! many it has. What is written is written by scripts, which Redis runs alone: either all of an append is there, or nothing.
//!
//! | Key | Holds |
//! |---|---|
//! | `log:stream:{app}` | the stream: fields `k` kind, `t` lines of the app before this entry, `n` lines, `d` the message |
//! | `log:meta:{app}` | hash: `total` lines ever, `lines` and `bytes` kept, `gone` when the app was deleted |
//! | `log:source:{app}:{source}` | how far a container's lines are stored: position and count; a week after the last it goes |
//! | `log:sizes`, `log:bytes` | bytes of each app (sorted set) and of all |

pub mod append;
mod contents;
pub mod events;
pub mod follow;
mod link;
pub mod read;
mod scripts;

use deis_api::AppName;
use redis::aio::MultiplexedConnection;
use tokio::sync::watch;

pub use link::Link;

use crate::config::StoreConfig;
use crate::error::Error;

/// The lines of all apps.
#[derive(Clone, Debug)]
pub struct Store {
    link: Link,
    limits: Limits,
    confirmed: append::Confirmed,
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) lines_per_app: u64,
    pub(crate) bytes_per_app: u64,
    pub(crate) bytes_in_all: u64,
}

impl Store {
    /// A store on a link that somebody keeps: see [`Link::keep`].
    #[must_use]
    pub fn new(link: Link, config: &StoreConfig) -> Self {
        let limits = Limits {
            lines_per_app: config.lines_per_app,
            bytes_per_app: config.bytes_per_app,
            bytes_in_all: config.bytes_in_all,
        };
        Self { link, limits, confirmed: append::Confirmed::default() }
    }

    /// Whether Redis is reached now, and when that changes.
    #[must_use]
    pub fn reached(&self) -> watch::Receiver<Option<MultiplexedConnection>> {
        self.link.current()
    }

    /// The connection for commands that do not wait.
    ///
    /// # Errors
    /// Redis is not reached now.
    pub fn connection(&self) -> Result<MultiplexedConnection, Error> {
        self.link.current().borrow().clone().ok_or(Error::Away)
    }

    /// Passes an error on, and has the link looked at if it may be the cause.
    fn suspect(&self, error: redis::RedisError) -> Error {
        if error.is_io_error() || error.is_unrecoverable_error() || error.is_timeout() {
            self.link.doubt();
        }
        error.into()
    }
}

fn stream_key(app: &AppName) -> String {
    format!("log:stream:{app}")
}

fn source_key(app: &AppName, source: &str) -> String {
    format!("log:source:{app}:{source}")
}
