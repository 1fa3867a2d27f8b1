use std::time::Duration;

use deis_api::{AppName, Code, GitSha, Username};
use deis_bootstrap::deadline;
use deis_proto::builder::app_service_client::AppServiceClient;
use deis_proto::builder::image_service_client::ImageServiceClient;
use deis_proto::builder::pull_image_event::Event;
use deis_proto::builder::{CancelBuildRequest, ClearCacheRequest, DeleteAppRequest, PullImageRequest, PulledImage};
use deis_rpc::{Client, Fault};
use secrecy::ExposeSecret as _;

use super::kept;
use crate::builds;
use crate::deploy::Holder;
use crate::deploy::cluster::Done;
use crate::error::Error;
use crate::images::{Copied, Order, Pulled};
use crate::ledger::Answer;

/// How long the builder may take to end a build.
const CALL_LIMIT: Duration = Duration::from_secs(15);

/// How long the builder may take to remove what it keeps of an app; images are many small files.
const DELETE_LIMIT: Duration = Duration::from_secs(60);

/// How long an image may take to be copied; the builder gives up before that.
const PULL_LIMIT: Duration = Duration::from_secs(31 * 60);

/// The builder: repositories, build caches, images.
#[derive(Clone, Debug)]
pub struct Builder {
    apps: AppServiceClient<Client>,
    images: ImageServiceClient<Client>,
}

impl Builder {
    /// The builder at the other end of this connection.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { apps: AppServiceClient::new(client.clone()), images: ImageServiceClient::new(client) }
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

    fn pull<'a>(&'a self, order: Order<'a>, step: &'a (dyn Fn(String) + Send + Sync)) -> Answer<'a, Copied> {
        Box::pin(async move {
            let late = |_| Error::refused(Code::DeadlineExceeded, "Copying the image took too long.");
            deadline(PULL_LIMIT, self.copied(order, step)).await.map_err(late)?
        })
    }
}

impl Builder {
    async fn copied(&self, order: Order<'_>, step: &(dyn Fn(String) + Send + Sync)) -> Result<Copied, Error> {
        let (username, password) = order.credentials.unwrap_or_default();
        let request = PullImageRequest {
            app: order.app.to_string(),
            image: order.image.to_owned(),
            username,
            password: password.expose_secret().to_owned(),
            allow_root: order.allow_root,
        };
        let request = deis_rpc::request(request, PULL_LIMIT);
        let answer = self.images.clone().pull_image(request).await.map_err(|error| pull_refused(&error))?;
        let mut events = answer.into_inner();
        while let Some(event) = events.message().await.map_err(|error| pull_refused(&error))? {
            match event.event {
                Some(Event::Step(text)) => step(text),
                Some(Event::Pulled(pulled)) => return decode(pulled),
                // Of a builder that is newer.
                None => {}
            }
        }
        Err(Error::refused(Code::Unavailable, "The builder broke off, try again later."))
    }
}

fn decode(pulled: PulledImage) -> Result<Copied, Error> {
    let user = pulled.user.try_into().map_err(|_| Error::Internal("the builder names a user that cannot be".into()))?;
    let exposed_port = u16::try_from(pulled.exposed_port).ok().filter(|port| *port != 0);
    let PulledImage { image, entrypoint, command, .. } = pulled;
    Ok(Copied { image, pulled: Pulled { user, exposed_port, entrypoint, command } })
}

/// What the other registry does not answer is said in the builder's words too: it is not the builder that is away.
fn pull_refused(error: &tonic::Status) -> Error {
    let fault = Fault::from(error);
    let is_said = !error.details().is_empty() && matches!(fault.code, Code::Unavailable | Code::DeadlineExceeded);
    if is_said { Error::refused(fault.code, fault.message) } else { refused(error) }
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
            self.apps.clone().delete_app(request).await.map(drop).map_err(|error| kept("builder", app, &error))
        })
    }
}
