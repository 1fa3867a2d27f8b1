//! The store: etcd 3.6.
//!
//! The client reconnects for single calls only: its watches end with the connection and its long-lived renewals do not come back.
//! So watches here remember where they were ([`EtcdWatch`]), each renewal is a call of its own, and the link as a whole is watched
//! and made anew ([`Etcd::keep_link`]).

mod link;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::deadline;
use etcd_client::{Compare, CompareOp, GetOptions, KeyValue, KvClient, PutOptions, Txn, TxnOp, TxnOpResponse};

use self::link::Link;
pub use self::watch::EtcdWatch;
use super::{Commit, Entry, Keys, LeaseId, Lifetime, Outcome, Revision, Snapshot, Store, Write};
use crate::config::EtcdConfig;
use crate::error::{Error, StartError};

/// How long one call may take.
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// Bytes of the largest answer: a full operation's progress.
const LARGEST_ANSWER: usize = 96 * 1024 * 1024;

/// etcd. Clones share the connection.
#[derive(Clone, Debug)]
pub struct Etcd {
    link: Arc<Link>,
}

impl Etcd {
    /// Reads the certificate; connects when it is used.
    ///
    /// # Errors
    /// A file cannot be read, or an address or the certificate cannot be used.
    pub async fn open(config: EtcdConfig) -> Result<Self, StartError> {
        Ok(Self { link: Arc::new(Link::open(config).await?) })
    }

    /// Watches over the connection for ever: makes it anew, with the certificate of then, when it breaks. `on_change` hears
    /// whether etcd is reached, whenever that changes.
    pub async fn keep_link(&self, on_change: impl FnMut(bool)) {
        self.link.keep(on_change).await;
    }

    fn kv(&self) -> KvClient {
        self.link.client().kv_client().max_decoding_message_size(LARGEST_ANSWER)
    }
}

impl Store for Etcd {
    type Watch = EtcdWatch;

    async fn grant(&self, time_to_live: Duration) -> Result<(LeaseId, Duration), Error> {
        // etcd counts in seconds, and may grant more than was asked for.
        let seconds = i64::try_from(time_to_live.as_nanos().div_ceil(1_000_000_000)).unwrap_or(i64::MAX);
        let granted = call(self.link.client().lease_grant(seconds, None)).await?;
        Ok((LeaseId(granted.id()), seconds_of(granted.ttl())))
    }

    async fn renew(&self, lease: LeaseId) -> Result<Duration, Error> {
        let mut client = self.link.client();
        call(client.lease_keep_alive(lease.0)).await?;
        let answer = call(client.lease_time_to_live(lease.0, None)).await?;
        alive(answer.granted_ttl())
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), Error> {
        match call(self.link.client().lease_revoke(lease.0)).await {
            Ok(_) | Err(Error::LeaseGone) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn lifetime(&self, lease: LeaseId) -> Result<Lifetime, Error> {
        let answer = call(self.link.client().lease_time_to_live(lease.0, None)).await?;
        Ok(Lifetime { granted: seconds_of(answer.granted_ttl()), remaining: alive(answer.ttl())? })
    }

    async fn read(&self, keys: &Keys) -> Result<Snapshot, Error> {
        let (key, options) = match keys {
            Keys::One(key) => (key, None),
            Keys::Under(prefix) => (prefix, Some(GetOptions::new().with_prefix())),
        };
        let mut answer = call(self.kv().get(key.as_str(), options)).await?;
        let revision = Revision(answer.header().map_or(0, etcd_client::ResponseHeader::revision));
        Ok(Snapshot { entries: answer.take_kvs().iter().map(entry).collect(), revision })
    }

    async fn read_page(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<Entry>, Error> {
        // The first key that can come after another one is that one with a zero byte behind it.
        let first = if after < prefix { prefix.to_owned() } else { format!("{after}\0") };
        let end = end_of(prefix);
        if first.as_bytes() >= end.as_slice() {
            return Ok(Vec::new());
        }
        let options = GetOptions::new().with_range(end).with_limit(i64::try_from(limit).unwrap_or(i64::MAX));
        let mut answer = call(self.kv().get(first, Some(options))).await?;
        Ok(answer.take_kvs().iter().map(entry).collect())
    }

    async fn commit(&self, commit: Commit) -> Result<Outcome, Error> {
        let keys = commit.expectations.iter().map(|(key, _)| key.as_str());
        let reads: Vec<_> = keys.map(|key| TxnOp::get(key, None)).collect();
        let compares: Vec<_> = commit.expectations.iter().map(|(key, revision)| compare(key, *revision)).collect();
        let writes: Vec<_> = commit.writes.into_iter().map(operation).collect();
        let answer = call(self.kv().txn(Txn::new().when(compares).and_then(writes).or_else(reads))).await?;

        let revision = Revision(answer.header().map_or(0, etcd_client::ResponseHeader::revision));
        if answer.succeeded() {
            return Ok(Outcome::Committed(revision));
        }
        let found = answer.op_responses().into_iter().flat_map(|response| match response {
            TxnOpResponse::Get(mut found) => found.take_kvs(),
            _ => Vec::new(),
        });
        Ok(Outcome::Refused(Snapshot { entries: found.map(|pair| entry(&pair)).collect(), revision }))
    }

    fn watch(&self, keys: Keys, after: Revision) -> EtcdWatch {
        EtcdWatch::new(Arc::clone(&self.link), keys, after)
    }
}

/// The first key after all that begin with a prefix. Our prefixes are ASCII, so that its last byte has a next one.
fn end_of(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last = last.saturating_add(1);
    }
    end
}

fn compare(key: &str, revision: Revision) -> Compare {
    // etcd's revision of a key that is not there is 0 as well.
    Compare::mod_revision(key, CompareOp::Equal, revision.0)
}

fn operation(write: Write) -> TxnOp {
    match write {
        Write::Put { key, value, lease } => {
            let options = lease.map(|lease| PutOptions::new().with_lease(lease.0));
            TxnOp::put(key, value, options)
        }
        Write::Delete { key } => TxnOp::delete(key, None),
    }
}

fn entry(pair: &KeyValue) -> Entry {
    Entry {
        key: String::from_utf8_lossy(pair.key()).into_owned(),
        value: pair.value().to_vec(),
        created: Revision(pair.create_revision()),
        revision: Revision(pair.mod_revision()),
        lease: (pair.lease() != 0).then(|| LeaseId(pair.lease())),
    }
}

/// etcd says -1 for a lease that is not there.
fn alive(seconds: i64) -> Result<Duration, Error> {
    if seconds < 0 { Err(Error::LeaseGone) } else { Ok(seconds_of(seconds)) }
}

fn seconds_of(seconds: i64) -> Duration {
    Duration::from_secs(seconds.unsigned_abs())
}

async fn call<T>(future: impl Future<Output = Result<T, etcd_client::Error>>) -> Result<T, Error> {
    match deadline(CALL_LIMIT, future).await {
        Ok(result) => result.map_err(translate),
        Err(late) => Err(Error::Unavailable(Box::new(late))),
    }
}

fn translate(error: etcd_client::Error) -> Error {
    match error {
        etcd_client::Error::GRpcStatus(status) if status.message().contains("requested lease not found") => {
            Error::LeaseGone
        }
        // A renewal is a stream of its own here, so that this can only say that the lease is not there.
        etcd_client::Error::LeaseKeepAliveError(_) => Error::LeaseGone,
        other => Error::Unavailable(Box::new(other)),
    }
}
