use std::time::Duration;

use deis_api::{AppName, Code};
use deis_bootstrap::Context;
use deis_proto::state::acquire_response::Outcome;
use deis_proto::state::lock_service_client::LockServiceClient;
use deis_proto::state::{AcquireRequest, LockOwner, ReleaseRequest};
use deis_rpc::{Client, Fault};
use futures_util::future::BoxFuture;

use super::Session;
use super::session::Lease;
use crate::deploy::{EffectError, Guard, Held, Locks};

/// How long state is asked to wait for a lock that another process holds; then it is asked again.
const WAIT: Duration = Duration::from_secs(60);
/// How long its answer may take then.
const WAIT_LIMIT: Duration = Duration::from_secs(65);
/// How long giving back may take.
const RELEASE_LIMIT: Duration = Duration::from_secs(5);

/// Deploy locks in state.
#[derive(Clone, Debug)]
pub struct StateLocks {
    context: Context,
    session: Session,
}

impl StateLocks {
    /// Locks that hang on the session's lease.
    #[must_use]
    pub const fn new(context: Context, session: Session) -> Self {
        Self { context, session }
    }

    /// One try with one lease; `None` when somebody else still has the lock, or the lease was lost.
    async fn try_acquire(&self, name: &str, lease: &Lease) -> Result<Option<()>, EffectError> {
        let request = AcquireRequest {
            name: name.to_owned(),
            lease_id: lease.id,
            owner: Some(LockOwner {
                user: String::new(),
                purpose: "deploy".to_owned(),
                holder: self.session.holder.clone(),
            }),
            wait: prost_types::Duration::try_from(WAIT).ok(),
        };
        let mut client = LockServiceClient::new(self.session.client.clone());
        match client.acquire(deis_rpc::request(request, WAIT_LIMIT)).await {
            Ok(answer) => Ok(matches!(answer.into_inner().outcome, Some(Outcome::Acquired(_))).then_some(())),
            Err(status) if matches!(Fault::from(&status).code, Code::LeaseGone | Code::NotFound) => Ok(None),
            Err(status) => {
                tracing::warn!(lock = name, error = %status, "a lock cannot be taken");
                Err(EffectError::Unavailable("The lock service cannot be reached.".to_owned()))
            }
        }
    }
}

impl Locks for StateLocks {
    fn acquire<'a>(&'a self, app: &'a AppName) -> BoxFuture<'a, Result<Held, EffectError>> {
        Box::pin(async move {
            let name = format!("deploy/{app}");
            loop {
                let lease = self.session.lease().await?;
                let lost = lease.lost.clone();
                // A lease that ends while its lock is waited for: try again with the next one.
                if let Some(acquired) = lost.run_until_cancelled(self.try_acquire(&name, &lease)).await
                    && acquired?.is_some()
                {
                    let guard = StateGuard {
                        context: self.context.clone(),
                        client: self.session.client.clone(),
                        name,
                        lease_id: lease.id,
                    };
                    return Ok(Held { lost: lease.lost, guard: Box::new(guard) });
                }
            }
        })
    }
}

#[derive(Debug)]
struct StateGuard {
    context: Context,
    client: Client,
    name: String,
    lease_id: i64,
}

impl Guard for StateGuard {}

impl Drop for StateGuard {
    fn drop(&mut self) {
        let request = ReleaseRequest { name: std::mem::take(&mut self.name), lease_id: self.lease_id };
        let mut client = LockServiceClient::new(self.client.clone());
        drop(self.context.tasks.spawn("give a lock back", async move {
            if let Err(error) = client.release(deis_rpc::request(request, RELEASE_LIMIT)).await {
                tracing::warn!(%error, "a lock cannot be given back, it ends with the lease");
            }
        }));
    }
}
