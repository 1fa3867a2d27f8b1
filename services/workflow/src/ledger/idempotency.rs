//! What became of requests that had a key, so that a repeat is told the same and nothing is done twice.
//!
//! A key is its account's, and of all processes one at a time works on it: the row in the table decides which, and each change is noted
//! in that row in its own transaction ([`Attempt`]). So a process that dies holds nobody up for longer than [`SILENCE`], and the next one
//! knows whether there is something left to do.

use std::sync::Arc;
use std::time::Duration;

use deis_api::Username;
use jiff::Timestamp;
use parking_lot::Mutex;
use uuid::Uuid;

use super::{Answer, RequestKey};

/// How long a key is known.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How often who works on a request says that he is alive.
pub const PULSE: Duration = Duration::from_secs(5);
/// Who has not said so for this long is dead: the request is done by who asks next. Clocks of two replicas may differ by seconds.
pub const SILENCE: Duration = Duration::from_secs(20);

/// A request with a key.
#[derive(Clone, Debug)]
pub struct KeyedRequest {
    /// Whose it is.
    pub username: Username,
    /// What he knows it by.
    pub key: RequestKey,
    /// Its method,
    pub method: String,
    /// and its path.
    pub path: String,
    /// Tells it from every other request.
    pub fingerprint: [u8; 32],
}

/// One process's work on a request with a key. It goes with what acts ([`crate::acting::Acting`]), so that every change is made as part of
/// it, or not at all once another process has taken the request over.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Tells it from others at the same request.
    pub id: Uuid,
    /// Whose key it is,
    pub username: Username,
    /// and which.
    pub key: RequestKey,
    object: Arc<Mutex<Option<String>>>,
}

impl Attempt {
    /// A new one.
    #[must_use]
    pub fn new(request: &KeyedRequest) -> Self {
        let KeyedRequest { username, key, .. } = request;
        Self { id: Uuid::new_v4(), username: username.clone(), key: key.clone(), object: Arc::default() }
    }

    /// Says what the answer shows: the path at which it can be read again.
    pub fn refer(&self, path: String) {
        *self.object.lock() = Some(path);
    }

    /// The same, of the path's segments below `/v2`, which may be any text.
    pub fn refer_to(&self, segments: &[&str]) {
        let segments = segments.iter().map(|segment| format!("/{}", encoded(segment)));
        self.refer(format!("/v2{}/", segments.collect::<String>()));
    }

    /// The path of what the answer shows, if that has been said.
    #[must_use]
    pub fn object(&self) -> Option<String> {
        self.object.lock().clone()
    }
}

/// A segment of a path (RFC 3986, sections 2.1 and 2.3).
fn encoded(segment: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    segment.bytes().map(encode).collect()
}

/// What is known of a request when it comes.
#[derive(Debug)]
pub enum Claim {
    /// It is to be done now. When somebody was at it before and has made the change, it also says what his answer would have shown.
    Ours(Attempt, Option<Changed>),
    /// The key was given to another request: its method and path.
    Other(String, String),
    /// Somebody is at it.
    UnderWay,
    /// It was done: the status of the answer, and the path of what that has shown, if anything.
    Done(u16, Option<String>),
}

/// A change that was made, by somebody who did not come to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The path of what the answer would have shown, if anything.
    pub object: Option<String>,
}

/// The keys of requests.
pub trait Idempotency: Send + Sync + 'static {
    /// Takes a request up, unless that was done before.
    fn claim<'a>(&'a self, request: &'a KeyedRequest, now: Timestamp) -> Answer<'a, Claim>;
    /// Says that somebody is still at it.
    fn pulse<'a>(&'a self, attempt: &'a Attempt, now: Timestamp) -> Answer<'a, ()>;
    /// Keeps what was answered.
    fn finish<'a>(&'a self, attempt: &'a Attempt, status: u16) -> Answer<'a, ()>;
    /// Keeps no answer: the next one may try. Where nothing was changed, the key is free for any request.
    fn give_up<'a>(&'a self, attempt: &'a Attempt) -> Answer<'a, ()>;
    /// Forgets the keys that came more than a day before; answers how many.
    fn prune_keys(&self, now: Timestamp) -> Answer<'_, u64>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_may_have_any_text_in_them() {
        let request = KeyedRequest {
            username: "bob".parse().unwrap(),
            key: RequestKey::unique(),
            method: "POST".to_owned(),
            path: "/v2/keys/".to_owned(),
            fingerprint: [0; 32],
        };
        let attempt = Attempt::new(&request);
        assert_eq!(attempt.object(), None);
        attempt.refer_to(&["keys", "bob@desk ?é"]);
        assert_eq!(attempt.object().as_deref(), Some("/v2/keys/bob%40desk%20%3F%C3%A9/"));
    }
}
