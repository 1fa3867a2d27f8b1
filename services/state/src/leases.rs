//! Leases: the liveness of the processes that hold locks or lead.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::Error;
use crate::store::{Commit, LeaseId, Store};

/// How long a lease may live without being renewed.
const TIME_TO_LIVE: RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_mins(10);

/// Grants a lease to a holder, whose name stays beside it for people to read. Returns how long it really lives.
///
/// # Errors
/// [`Error::Invalid`], [`Error::Unavailable`].
pub async fn grant<S: Store>(store: &S, time_to_live: Duration, holder: &str) -> Result<(LeaseId, Duration), Error> {
    if !TIME_TO_LIVE.contains(&time_to_live) {
        return Err(Error::Invalid { field: "time_to_live", rule: "2 s to 10 min" });
    }
    let (lease, time_to_live) = store.grant(time_to_live).await?;
    store.commit(Commit::new().put_leased(format!("/deis/leases/{:016x}", lease.0), holder, lease)).await?;
    Ok((lease, time_to_live))
}
