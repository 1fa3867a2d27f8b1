use std::time::Duration;

use deis_api::AppName;
use deis_proto::builder::DeleteAppRequest;
use deis_proto::builder::app_service_client::AppServiceClient;
use deis_rpc::Client;

use crate::deploy::cluster::Done;
use crate::deploy::{EffectError, Holder};

/// How long the builder may take to remove what it keeps of an app; images are many small files.
const DELETE_LIMIT: Duration = Duration::from_secs(60);

/// The builder: repositories, build caches, images.
#[derive(Clone, Debug)]
pub struct Builder {
    apps: AppServiceClient<Client>,
}

impl Builder {
    /// The builder at the other end of this connection.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { apps: AppServiceClient::new(client) }
    }
}

impl Holder for Builder {
    fn let_go<'a>(&'a self, app: &'a AppName) -> Done<'a> {
        Box::pin(async move {
            let request = deis_rpc::request(DeleteAppRequest { app: app.to_string() }, DELETE_LIMIT);
            let answer = self.apps.clone().delete_app(request).await;
            answer.map(drop).map_err(|error| {
                tracing::warn!(%app, %error, "the builder does not let go of an app");
                EffectError::Unavailable("The builder cannot be reached, trying again.".to_owned())
            })
        })
    }
}
