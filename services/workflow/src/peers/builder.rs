use std::time::Duration;

use deis_api::{AppName, Code, GitSha, Username};
use deis_proto::builder::app_service_client::AppServiceClient;
use deis_proto::builder::{CancelBuildRequest, ClearCacheRequest, DeleteAppRequest};
use deis_rpc::{Client, Fault};

use crate::builds;
use crate::deploy::cluster::Done;
use crate::deploy::{EffectError, Holder};
use crate::error::Error;
use crate::ledger::Answer;

/// How long the builder may take to end a build.
const CALL_LIMIT: Duration = Duration::from_secs(15);

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

impl builds::Builder for Builder {
    fn cancel<'a>(&'a self, app: &'a AppName, user: &'a Username) -> Answer<'a, GitSha> {
        Box::pin(async move {
            let request = CancelBuildRequest { app: app.to_string(), username: user.to_string() };
            let answer = self.apps.clone().cancel_build(deis_rpc::request(request, CALL_LIMIT)).await;
            let answer = answer.map_err(|error| match Fault::from(&error).code {
                Code::NotFound => Error::refused(Code::NotFound, format!("No build of {app} is running.")),
                _ => refused(&error),
            });
            answer?.into_inner().sha.parse().map_err(|error: deis_api::NameError| Error::Internal(error.into()))
        })
    }

    fn clear_cache<'a>(&'a self, app: &'a AppName) -> Answer<'a, u64> {
        Box::pin(async move {
            let request = deis_rpc::request(ClearCacheRequest { app: app.to_string() }, DELETE_LIMIT);
            let answer = self.apps.clone().clear_cache(request).await.map_err(|error| refused(&error))?;
            Ok(u64::try_from(answer.into_inner().bytes).unwrap_or(0))
        })
    }
}

/// What the builder refuses is said in its words; when it is away, that is said.
fn refused(error: &tonic::Status) -> Error {
    let fault = Fault::from(error);
    if fault.code.http_status() < 500 {
        return Error::refused(fault.code, fault.message);
    }
    tracing::warn!(%error, "the builder cannot be called");
    Error::refused(Code::Unavailable, "The builder cannot be reached, try again later.")
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
