//! Who leads and who holds what, as state tells it.

use std::time::Duration;

use deis_proto::state::ListHoldingsRequest;
use deis_proto::state::holding::Kind;
use deis_proto::state::holdings_service_client::HoldingsServiceClient;
use jiff::Timestamp;
use kube::Client;
use serde::Serialize;

use crate::forward::ForwardError;
use crate::inventory::InventoryError;
use crate::probe::innermost;
use crate::state;

const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Of 100 holdings each. A platform that has more is not looked through to the end.
const MOST_PAGES: usize = 20;

/// What hangs on leases, as far as it was read.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Holdings {
    pub(crate) holdings: Vec<Holding>,
    /// There are more.
    pub(crate) truncated: bool,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Holding {
    pub(crate) kind: What,
    /// `workflow/reconciler`, `push/earthy-instinct`; of a lease its number.
    pub(crate) name: String,
    /// The process: its pod's name, of builders with a part of its own behind.
    pub(crate) holder: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) user: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) purpose: String,
    /// Of a lock: since when it is held; of the others: since when the process has its lease.
    pub(crate) since: Option<Timestamp>,
    pub(crate) time_to_live_seconds: i64,
    /// Until it ends, if its holder renews it no more.
    pub(crate) remaining_seconds: i64,
    pub(crate) renewed: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    Leader,
    Candidate,
    Lock,
    Lease,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum HoldingsError {
    #[error(transparent)]
    Look(#[from] InventoryError),
    #[error("no pod of component state is ready")]
    NoPod,
    #[error("component state cannot be reached")]
    Forward(#[from] ForwardError),
    #[error("component state is of a version that does not tell it")]
    NotTold,
    #[error("component state does not answer")]
    Call(#[source] tonic::Status),
}

/// Asks a ready pod of state.
pub(crate) async fn all(client: &Client, namespace: &str) -> Result<Holdings, HoldingsError> {
    let channel = state::channel(client, namespace, || HoldingsError::NoPod).await?;
    let mut service = HoldingsServiceClient::new(channel);
    let (mut holdings, mut page_token) = (Vec::new(), String::new());
    for _page in 0..MOST_PAGES {
        let request = deis_rpc::request(ListHoldingsRequest { page_size: 0, page_token }, ANSWER_LIMIT);
        let page = service.list_holdings(request).await.map_err(refused)?.into_inner();
        holdings.extend(page.holdings.into_iter().filter_map(holding));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(Holdings { holdings, truncated: false });
        }
    }
    Ok(Holdings { holdings, truncated: true })
}

/// A failure in one line.
pub(crate) fn sentence(error: &HoldingsError) -> String {
    match innermost(error) {
        cause if cause == error.to_string() => cause,
        cause => format!("{error}: {cause}"),
    }
}

fn refused(status: tonic::Status) -> HoldingsError {
    match status.code() {
        tonic::Code::Unimplemented => HoldingsError::NotTold,
        _ => HoldingsError::Call(status),
    }
}

/// `None` for a kind that a newer state has and this program does not know.
fn holding(told: deis_proto::state::Holding) -> Option<Holding> {
    let kind = match told.kind() {
        Kind::Leader => What::Leader,
        Kind::Candidate => What::Candidate,
        Kind::Lock => What::Lock,
        Kind::Lease => What::Lease,
        Kind::Unspecified => return None,
    };
    let owner = told.owner.unwrap_or_default();
    Some(Holding {
        kind,
        name: told.name,
        holder: owner.holder,
        user: owner.user,
        purpose: owner.purpose,
        since: told.since.and_then(|since| Timestamp::new(since.seconds, since.nanos).ok()),
        time_to_live_seconds: told.time_to_live.map_or(0, |time| time.seconds),
        remaining_seconds: told.remaining.map_or(0, |time| time.seconds),
        renewed: told.renewed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_of_an_earlier_version_is_told_from_one_that_fails() {
        let told = |status| sentence(&refused(status));
        assert_eq!(told(tonic::Status::unimplemented("")), "component state is of a version that does not tell it");
        let away = tonic::Status::unavailable("etcd cannot be reached");
        assert_eq!(told(away), "component state does not answer: etcd cannot be reached");
        assert_eq!(sentence(&HoldingsError::NoPod), "no pod of component state is ready");
    }

    #[test]
    fn a_kind_that_is_not_known_is_left_out() {
        assert_eq!(holding(deis_proto::state::Holding { kind: 99, ..Default::default() }), None);
    }
}
