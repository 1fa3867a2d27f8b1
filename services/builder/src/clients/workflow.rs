use std::collections::HashMap;
use std::time::Duration;

use deis_api::{AppName, Code, ReleaseVersion, Username};
use deis_proto::workflow::deploy_event::Event;
use deis_proto::workflow::push_service_client::PushServiceClient;
use deis_proto::workflow::{
    AuthenticateKeyRequest, AuthorizeGitRequest, CreateBuildRequest, GetBuildContextRequest, GitAccess,
    RecordFailedBuildRequest,
};
use deis_rpc::{Client, request};
use futures_util::{FutureExt as _, StreamExt as _};
use secrecy::SecretString;

use super::patience::patiently;
use crate::Error;
use crate::ports::{Access, Call, Controller, DeployEvent, FailedBuild, NewBuild};

const LIMIT: Duration = Duration::from_secs(10);

/// The controller, over gRPC.
pub(crate) struct Workflow {
    client: PushServiceClient<Client>,
}

impl Workflow {
    pub(crate) fn new(client: Client) -> Self {
        Self { client: PushServiceClient::new(client) }
    }
}

impl Controller for Workflow {
    fn authenticate(&self, public_key: Vec<u8>) -> Call<'_, Option<Username>> {
        let message = AuthenticateKeyRequest { public_key: public_key.into() };
        async move {
            let ask = async || self.client.clone().authenticate_key(request(message.clone(), LIMIT)).await;
            match patiently(ask).await {
                Ok(response) => name(response.into_inner().username).map(Some),
                Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
                Err(status) => Err(status.into()),
            }
        }
        .boxed()
    }

    fn authorize(&self, user: Username, app: AppName, access: Access) -> Call<'_, ()> {
        let access = match access {
            Access::Read => GitAccess::Read,
            Access::Write => GitAccess::Write,
        };
        let message = AuthorizeGitRequest { username: user.to_string(), app: app.to_string(), access: access.into() };
        async move {
            let ask = async || self.client.clone().authorize_git(request(message.clone(), LIMIT)).await;
            Ok(patiently(ask).await.map(drop)?)
        }
        .boxed()
    }

    fn environment(&self, user: Username, app: AppName) -> Call<'_, HashMap<String, SecretString>> {
        let message = GetBuildContextRequest { username: user.to_string(), app: app.to_string() };
        async move {
            let ask = async || self.client.clone().get_build_context(request(message.clone(), LIMIT)).await;
            let context = patiently(ask).await?.into_inner();
            Ok(context.environment.into_iter().map(|(name, value)| (name, value.into())).collect())
        }
        .boxed()
    }

    fn create_build(
        &self,
        build: NewBuild,
    ) -> Call<'_, futures_util::stream::BoxStream<'static, Result<DeployEvent, Error>>> {
        let mut client = self.client.clone();
        let message = CreateBuildRequest {
            request_key: build.request_key,
            username: build.user.to_string(),
            app: build.app.to_string(),
            image: build.image,
            sha: build.sha.to_string(),
            processes: build.processes,
            detected: build.detected,
            log: build.log,
        };
        async move {
            // A deploy lasts as long as it lasts: the controller knows when to give up.
            let events = client.create_build(message).await?.into_inner();
            Ok(events.map(|event| decode(event?.event)).boxed())
        }
        .boxed()
    }

    fn record_failed_build(&self, build: FailedBuild) -> Call<'_, ()> {
        let message = RecordFailedBuildRequest {
            request_key: build.request_key,
            username: build.user.to_string(),
            app: build.app.to_string(),
            sha: build.sha.to_string(),
            code: build.code.to_string(),
            message: build.message,
            log: build.log,
        };
        async move {
            let ask = async || self.client.clone().record_failed_build(request(message.clone(), LIMIT)).await;
            Ok(patiently(ask).await.map(drop)?)
        }
        .boxed()
    }
}

fn decode(event: Option<Event>) -> Result<DeployEvent, Error> {
    Ok(match event.ok_or_else(|| Error::Internal("the controller sent an empty event".to_owned()))? {
        Event::ReleaseCreated(created) => DeployEvent::ReleaseCreated(version(created.version)?),
        Event::Step(step) => DeployEvent::Step(step.text),
        Event::Deployed(deployed) => DeployEvent::Deployed(version(deployed.version)?),
        Event::Failed(failed) => DeployEvent::Failed {
            code: failed.code.parse().unwrap_or(Code::Internal),
            message: failed.message,
            log_tail: failed.log_tail,
        },
    })
}

fn name(text: String) -> Result<Username, Error> {
    text.parse().map_err(|_| Error::Internal("the controller named a user that cannot be".to_owned()))
}

fn version(number: i64) -> Result<ReleaseVersion, Error> {
    number.try_into().map_err(|_| Error::Internal("the controller named a release that cannot be".to_owned()))
}
