use std::collections::BTreeMap;
use std::sync::Arc;

use deis_api::{AppName, Code, Username};
use deis_bootstrap::Context;
use deis_proto::workflow::deploy_event::{Deployed, Event, Failed, ReleaseCreated, Step};
use deis_proto::workflow::push_service_server::PushService;
use deis_proto::workflow::{
    AuthenticateKeyRequest, AuthenticateKeyResponse, AuthorizeGitRequest, AuthorizeGitResponse, CreateBuildRequest,
    DeployEvent, GetBuildContextRequest, GetBuildContextResponse, GitAccess, RecordFailedBuildRequest,
    RecordFailedBuildResponse,
};
use futures_util::StreamExt as _;
use secrecy::ExposeSecret as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::status;
use crate::access::Verb;
use crate::acting::Acting;
use crate::apps;
use crate::error::{Error, Kind};
use crate::ledger::{App, FailedBuild, Released, RequestKey, User};
use crate::releases::{self, BuildRequest, Progress};
use crate::server::Workflow;

/// Events that wait for a slow caller.
const QUEUE: usize = 16;

/// `workflow.v1.PushService`.
#[derive(Clone)]
pub struct Push {
    workflow: Workflow,
    context: Context,
}

impl Push {
    /// Serves the builder.
    #[must_use]
    pub const fn new(workflow: Workflow, context: Context) -> Self {
        Self { workflow, context }
    }

    /// The app, if this user may do this with it.
    async fn authorised(&self, username: &str, app: &str, verb: Verb) -> Result<(User, App), Error> {
        let username = username.parse::<Username>().map_err(|_| Error::Missing(Kind::User))?;
        let app = app.parse::<AppName>().map_err(|_| Error::Missing(Kind::App))?;
        apps::find_for(self.workflow.ledger.as_ref(), &username, verb, &app).await
    }

    /// Records a build that has no image.
    async fn record(&self, request: RecordFailedBuildRequest) -> Result<(), Error> {
        let (user, app) = self.authorised(&request.username, &request.app, Verb::Change).await?;
        let key = RequestKey::parse(&request.request_key)?;
        let build = FailedBuild {
            owner: user.username,
            sha: request.sha.parse().map_err(Error::name("sha"))?,
            // A builder that is newer may have codes that are not known here.
            failure: (request.code.parse().unwrap_or(Code::BuildFailed), request.message.replace('\0', "")),
            log: request.log.into(),
        };
        let recording = self.workflow.ledger.record_failed_build(&app.id, &key, &build);
        Acting::user(build.owner.clone()).scope(recording).await?;
        tracing::info!(app = %app.id, sha = %build.sha, code = %build.failure.0, "a build failed");
        Ok(())
    }

    /// Records the build; while another deploy is under way, that is waited for first.
    async fn release(&self, user: &User, app: &App, request: &CreateBuildRequest) -> Result<Released, Error> {
        let key = RequestKey::parse(&request.request_key)?;
        let processes = request.processes.iter().map(|(kind, command)| Ok((kind.parse()?, command.clone())));
        let procfile = processes.collect::<Result<BTreeMap<_, _>, _>>().map_err(Error::name("procfile"))?;
        let sha = request.sha.parse().map_err(Error::name("sha"))?;
        let (image, log) = (request.image.clone(), request.log.clone().into());
        let build = BuildRequest { image, sha, procfile, log, missing_procfile: self.workflow.missing_procfile };
        let ledger = self.workflow.ledger.as_ref();
        let record = || releases::build(ledger, &user.username, &app.id, &key, build.clone());
        releases::in_turn(&self.workflow.deployer, &app.id, record).await
    }
}

#[tonic::async_trait]
impl PushService for Push {
    async fn authenticate_key(
        &self,
        request: Request<AuthenticateKeyRequest>,
    ) -> Result<Response<AuthenticateKeyResponse>, Status> {
        let blob = request.into_inner().public_key;
        let owner = self.workflow.ledger.owner_of_key(&blob).await.map_err(|error| status(&error))?;
        let owner = owner.ok_or_else(|| status(&Error::Missing(Kind::Key)))?;
        Ok(Response::new(AuthenticateKeyResponse { username: owner.to_string() }))
    }

    async fn authorize_git(
        &self,
        request: Request<AuthorizeGitRequest>,
    ) -> Result<Response<AuthorizeGitResponse>, Status> {
        let request = request.into_inner();
        let verb = match request.access() {
            GitAccess::Read => Verb::Read,
            GitAccess::Write => Verb::Change,
            GitAccess::Unspecified => {
                return Err(status(&Error::field("access", "The access asked for must be read or write.")));
            }
        };
        self.authorised(&request.username, &request.app, verb).await.map_err(|error| status(&error))?;
        Ok(Response::new(AuthorizeGitResponse {}))
    }

    async fn get_build_context(
        &self,
        request: Request<GetBuildContextRequest>,
    ) -> Result<Response<GetBuildContextResponse>, Status> {
        let request = request.into_inner();
        let (_, app) =
            self.authorised(&request.username, &request.app, Verb::Change).await.map_err(|error| status(&error))?;
        let ground = self.workflow.ledger.ground(&app.id).await.map_err(|error| status(&error))?;
        let pairs = ground.config.settings.values.into_iter();
        let environment = pairs.map(|(key, value)| (key.to_string(), value.expose_secret().to_owned())).collect();
        Ok(Response::new(GetBuildContextResponse { environment }))
    }

    type CreateBuildStream = ReceiverStream<Result<DeployEvent, Status>>;

    async fn create_build(
        &self,
        request: Request<CreateBuildRequest>,
    ) -> Result<Response<Self::CreateBuildStream>, Status> {
        let request = request.into_inner();
        let authorised = self.authorised(&request.username, &request.app, Verb::Change).await;
        let (user, app) = authorised.map_err(|error| status(&error))?;
        let (events, stream) = mpsc::channel(QUEUE);
        let push = self.clone();
        // On its own: the release is recorded and deployed although the caller goes away.
        drop(self.context.tasks.spawn("create a build", async move {
            let creating = push.create(&user, &app, &request, &events);
            if let Err(error) = Acting::user(user.username.clone()).scope(creating).await {
                drop(events.send(Err(status(&error))).await);
            }
        }));
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn record_failed_build(
        &self,
        request: Request<RecordFailedBuildRequest>,
    ) -> Result<Response<RecordFailedBuildResponse>, Status> {
        let request = request.into_inner();
        self.record(request).await.map_err(|error| status(&error))?;
        Ok(Response::new(RecordFailedBuildResponse {}))
    }
}

type Events = mpsc::Sender<Result<DeployEvent, Status>>;

impl Push {
    async fn create(&self, user: &User, app: &App, request: &CreateBuildRequest, events: &Events) -> Result<(), Error> {
        let released = self.release(user, app, request).await?;
        let Workflow { ledger, deployer, .. } = &self.workflow;
        deployer.events().released(&app.id, &released);
        let version = released.release.version;
        let mut progress = releases::progress(Arc::clone(ledger), deployer, app.id.clone(), version).await?;
        let version = version.get();
        say(events, Event::ReleaseCreated(ReleaseCreated { version })).await;
        while let Some(told) = progress.next().await {
            let event = match told? {
                Progress::Step(text) => Event::Step(Step { text }),
                Progress::Deployed { .. } => Event::Deployed(Deployed { version }),
                Progress::Failed { code, message, log_tail } => {
                    Event::Failed(Failed { version, code: code.to_string(), message, log_tail })
                }
            };
            say(events, event).await;
        }
        Ok(())
    }
}

/// A caller who went away hears nothing more; the deploy goes on.
async fn say(events: &Events, event: Event) {
    drop(events.send(Ok(DeployEvent { event: Some(event) })).await);
}
