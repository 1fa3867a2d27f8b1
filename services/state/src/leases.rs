//! Leases: the liveness of the processes that hold locks or lead.

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::store::{Commit, Entry, LeaseId, Store};

/// What the keys of leases begin with; the lease's number comes behind.
pub(crate) const UNDER: &str = "/deis/leases/";
/// How long a lease may live without being renewed.
const TIME_TO_LIVE: RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_mins(10);

/// What stands beside a lease, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) holder: String,
    /// When it was granted; leases that an earlier version granted do not say it.
    pub(crate) since: Option<SystemTime>,
}

impl Record {
    pub(crate) fn read(entry: &Entry) -> Self {
        serde_json::from_slice(&entry.value).unwrap_or_else(|_bare_name| Self {
            holder: String::from_utf8_lossy(&entry.value).into_owned(),
            since: None,
        })
    }
}

/// Grants a lease to a holder, whose name stays beside it for people to read. Returns how long it really lives.
///
/// # Errors
/// [`Error::Invalid`], [`Error::Unavailable`].
pub async fn grant<S: Store>(store: &S, time_to_live: Duration, holder: &str) -> Result<(LeaseId, Duration), Error> {
    if !TIME_TO_LIVE.contains(&time_to_live) {
        return Err(Error::Invalid { field: "time_to_live", rule: "2 s to 10 min" });
    }
    let (lease, time_to_live) = store.grant(time_to_live).await?;
    let key = key(lease);
    let record = Record { holder: holder.to_owned(), since: Some(SystemTime::now()) };
    let value = serde_json::to_vec(&record).map_err(|error| Error::Corrupt(key.clone(), error))?;
    store.commit(Commit::new().put_leased(key, value, lease)).await?;
    Ok((lease, time_to_live))
}

pub(crate) fn key(lease: LeaseId) -> String {
    format!("{UNDER}{:016x}", lease.0)
}
