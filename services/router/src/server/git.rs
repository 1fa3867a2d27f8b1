use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::backend::choose;
use crate::presence::Presence;
use crate::proxy::{connect_tcp, tunnel};
use crate::table::{Live, ServiceKey};

/// Hands git's SSH connections to the builder as they are.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    pub(crate) live: Arc<Live>,
    pub(crate) builder: ServiceKey,
    pub(crate) cut: CancellationToken,
}

impl Git {
    pub(crate) async fn serve(self, client: TcpStream, address: SocketAddr, presence: Arc<Presence>) {
        let Some(route) = self.live.table().service(&self.builder).cloned() else {
            tracing::info!(%address, service = %self.builder, "a push was turned away: there is no such Service");
            return;
        };
        let pods = choose(&route.backends, None).filter(|_| !self.live.distrusts_pods());
        let Some(backend) = pods.or(route.service.as_ref()) else {
            tracing::info!(%address, "a push was turned away: the builder has no address");
            return;
        };
        let lease = backend.lease();
        match connect_tcp(backend.address(), route.settings.connect_limit).await {
            Ok(builder) => tunnel(client, builder, route.settings.idle_limit, &self.cut).await,
            Err(error) => tracing::info!(%address, builder = %backend.address(), %error, "a push was turned away"),
        }
        drop((lease, presence));
    }
}
