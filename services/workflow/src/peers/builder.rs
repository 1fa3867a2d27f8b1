use std::time::Duration;

use deis_api::{AppName, Code, GitSha, Username};
use deis_bootstrap::{Context, deadline};
use deis_proto::builder::app_service_client::AppServiceClient;
use deis_proto::builder::image_service_client::ImageServiceClient;
use deis_proto::builder::pull_image_event::Event;
use deis_proto::builder::{CancelBuildRequest, ClearCacheRequest, DeleteAppRequest, PullImageRequest, PulledImage};
use deis_rpc::{Client, Fault, Identity};
use futures_util::future::join_all;
use http::Uri;
use secrecy::ExposeSecret as _;
use tonic::Status;

use super::endpoints::{Asked, Endpoints};
use super::kept;
use crate::builds;
use crate::deploy::cluster::Done;
use crate::deploy::{EffectError, Holder};
use crate::error::Error;
use crate::images::{Copied, Order, Pulled};
use crate::ledger::Answer;

/// How long the builder may take to end a build.
const CALL_LIMIT: Duration = Duration::from_secs(15);

/// How long the builder may take to remove what it keeps of an app; images are many small files.
const DELETE_LIMIT: Duration = Duration::from_secs(60);

/// How long an image may take to be copied; the builder gives up before that.
const PULL_LIMIT: Duration = Duration::from_secs(31 * 60);

/// The builders: repositories, build caches, images. They share what they keep, and any one is asked about that; of a push that runs
/// only the one knows that has it.
#[derive(Clone)]
pub struct Builder {
    apps: AppServiceClient<Client>,
    images: ImageServiceClient<Client>,
    each: Endpoints,
}

impl Builder {
    /// Follows the builders until the process ends; `address` is that of their Service.
    #[must_use]
    pub fn follow(
        context: &Context,
        client: &kube::Client,
        namespace: &str,
        address: Uri,
        identity: &Identity,
    ) -> Self {
        let any = deis_rpc::connect("builder", address, identity);
        let list = "the list of builders";
        let each = Endpoints::follow(context, client, namespace, "builder", list, identity.clone());
        Self { apps: AppServiceClient::new(any.clone()), images: ImageServiceClient::new(any), each }
    }

    /// Asks every builder at once; what each has answered, in no order.
    async fn ask_each<F: Future>(&self, ask: impl Fn(AppServiceClient<Client>) -> F) -> Vec<F::Output> {
        join_all(self.each.clients(Asked::All).into_iter().map(|(_, client)| ask(AppServiceClient::new(client)))).await
    }
}

impl builds::Builder for Builder {
    fn cancel<'a>(&'a self, app: &'a AppName, user: &'a Username) -> Answer<'a, GitSha> {
        Box::pin(async move {
            let request = CancelBuildRequest { app: app.to_string(), username: user.to_string() };
            let ask = |mut client: AppServiceClient<Client>| {
                let request = deis_rpc::request(request.clone(), CALL_LIMIT);
                async move { client.cancel_build(request).await }
            };
            let answers = self.ask_each(ask).await;
            let answer = first(answers, |error| Fault::from(error).code != Code::NotFound);
            let answer = answer.map_err(|error| match error {
                Some(error) if Fault::from(&error).code != Code::NotFound => refused(&error),
                Some(_) => Error::refused(Code::NotFound, format!("No build of {app} is running.")),
                None => away(),
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
fn pull_refused(error: &Status) -> Error {
    let fault = Fault::from(error);
    let is_said = !error.details().is_empty() && matches!(fault.code, Code::Unavailable | Code::DeadlineExceeded);
    if is_said { Error::refused(fault.code, fault.message) } else { refused(error) }
}

/// What the builder refuses is said in its words; when it is away, that is said.
fn refused(error: &Status) -> Error {
    let fault = Fault::from(error);
    if fault.code.http_status() < 500 {
        return Error::refused(fault.code, fault.message);
    }
    tracing::warn!(%error, "the builder cannot be called");
    away()
}

fn away() -> Error {
    Error::refused(Code::Unavailable, "The builder cannot be reached, try again later.")
}

/// What one has done; else the error that says most, none when nobody was asked.
fn first<T>(answers: Vec<Result<T, Status>>, says_most: impl Fn(&Status) -> bool) -> Result<T, Option<Status>> {
    let mut worst = None;
    for answer in answers {
        match answer {
            Ok(done) => return Ok(done),
            Err(error) if worst.is_none() || says_most(&error) => worst = Some(error),
            Err(_) => {}
        }
    }
    Err(worst)
}

impl Holder for Builder {
    fn let_go<'a>(&'a self, app: &'a AppName) -> Done<'a> {
        Box::pin(async move {
            let ask = |mut client: AppServiceClient<Client>| {
                let request = deis_rpc::request(DeleteAppRequest { app: app.to_string() }, DELETE_LIMIT);
                async move { client.delete_app(request).await }
            };
            // Each ends its own push. Whichever says that it is done has had the push lock: nothing is left, nobody has to answer besides.
            let answers = self.ask_each(ask).await;
            first(answers, |error| Fault::from(error).code == Code::PushInProgress).map(drop).map_err(|error| {
                match error {
                    Some(error) if Fault::from(&error).code == Code::PushInProgress => {
                        EffectError::Unavailable(format!("A push to {app} has not ended yet, trying again."))
                    }
                    Some(error) => kept("builder", app, &error),
                    None => kept("builder", app, &Status::unavailable("no builder is there")),
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_has_done_it_is_enough_and_else_the_worst_is_told() {
        let says_most = |error: &Status| error.code() != tonic::Code::NotFound;
        let (none, away) = (|| Err(Status::not_found("no build")), || Err(Status::unavailable("connect")));
        assert_eq!(first(vec![away(), none(), Ok(1)], says_most).unwrap(), 1);
        assert_eq!(first(vec![none(), none()], says_most).unwrap_err().unwrap().code(), tonic::Code::NotFound);
        for answers in [vec![none(), away()], vec![away(), none()]] {
            assert_eq!(first(answers, says_most).unwrap_err().unwrap().code(), tonic::Code::Unavailable);
        }
        assert!(first::<()>(vec![], says_most).unwrap_err().is_none());
    }
}
