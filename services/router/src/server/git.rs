use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::backend::{Choice, Lease};
use crate::presence::Presence;
use crate::proxy::{Unreachable, connect_tcp, tunnel};
use crate::table::{Live, Route, ServiceKey};

/// How long a push waits for a builder when none is there for the moment.
const PATIENCE: Duration = Duration::from_secs(15);
const FIRST_DELAY: Duration = Duration::from_millis(50);
/// Jitter may double it.
const LONGEST_DELAY: Duration = Duration::from_millis(500);

/// Hands git's SSH connections to the builder as they are.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    pub(crate) live: Arc<Live>,
    pub(crate) builder: ServiceKey,
    pub(crate) cut: CancellationToken,
}

/// Why the builder is not reached.
#[derive(Debug, thiserror::Error)]
enum Turned {
    #[error("there is no such Service")]
    NoService,
    #[error("the builder has no address")]
    NoAddress,
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
}

impl Git {
    pub(crate) async fn serve(self, client: TcpStream, address: SocketAddr, presence: Arc<Presence>) {
        let patience = ExponentialBuilder::new()
            .with_min_delay(FIRST_DELAY)
            .with_max_delay(LONGEST_DELAY)
            .with_jitter()
            .without_max_times()
            .with_total_delay(Some(PATIENCE));
        let reach = || reach(Arc::clone(&self.live), self.builder.clone());
        let reaching = reach.retry(patience).when(|error| !matches!(error, Turned::NoService));
        match self.cut.run_until_cancelled(reaching).await {
            Some(Ok((builder, route, lease))) => {
                tunnel(client, builder, route.settings.idle_limit, &self.cut).await;
                drop((lease, presence));
            }
            Some(Err(error)) => tracing::info!(%address, service = %self.builder, %error, "a push was turned away"),
            None => tracing::info!(%address, "a push was turned away: the router ends"),
        }
    }
}

/// A connection to the builder, as the table has it now.
async fn reach(live: Arc<Live>, builder: ServiceKey) -> Result<(TcpStream, Arc<Route>, Lease), Turned> {
    let route = live.table().service(&builder).cloned().ok_or(Turned::NoService)?;
    let pod = match route.choose(None) {
        Choice::Picked(picked) if !live.distrusts_pods() => Some(picked.lease),
        _ => None,
    };
    let lease = pod.or_else(|| Some(route.service.as_ref()?.lease())).ok_or(Turned::NoAddress)?;
    let stream = connect_tcp(lease.backend().address(), route.settings.connect_limit).await?;
    Ok((stream, route, lease))
}
