//! The contracts of workflow and state, over TLS.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;

use deis_bootstrap::deadline;
use deis_builder::ports::{Access, Controller as _, DeployEvent, FailedBuild, NewBuild};
use deis_proto::state::lease_service_server::{LeaseService, LeaseServiceServer};
use deis_proto::state::lock_service_server::{LockService, LockServiceServer};
use deis_proto::state::{
    AcquireRequest, AcquireResponse, GrantRequest, GrantResponse, KeepAliveRequest, KeepAliveResponse, LockOwner,
    ReleaseRequest, ReleaseResponse, RevokeRequest, RevokeResponse, acquire_response,
};
use deis_proto::workflow::push_service_server::{PushService, PushServiceServer};
use deis_proto::workflow::{
    AuthenticateKeyRequest, AuthenticateKeyResponse, AuthorizeGitRequest, AuthorizeGitResponse, CreateBuildRequest,
    GetBuildContextRequest, GetBuildContextResponse, RecordFailedBuildRequest, RecordFailedBuildResponse, deploy_event,
};
use deis_rpc::{Contract, Identity, Server};
use futures_util::{Stream, StreamExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};

use super::common::{Builder, FakeController};

const CONTRACT: Contract = Contract { callers: deis_proto::CALLERS, descriptors: deis_proto::DESCRIPTORS };

/// All locks were taken at 2016-02-20 23:07:35 UTC.
const SINCE: i64 = 1_456_009_655;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Serves both, and writes their addresses into the file `services`.
pub(super) async fn start(clients: &Builder, state: &Arc<State>) {
    let mut addresses = Vec::new();
    for name in ["workflow", "state"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.push(listener.local_addr().unwrap().to_string());
        let identity = Identity::load(clients.root.path().join("tls").join(name)).unwrap();
        let server = Server::new(&identity, CONTRACT);
        let server = if name == "workflow" {
            server.add(PushServiceServer::new(Workflow(Arc::clone(&clients.controller))))
        } else {
            server
                .add(LeaseServiceServer::from_arc(Arc::clone(state)))
                .add(LockServiceServer::from_arc(Arc::clone(state)))
        };
        let over = clients.context.shutdown.clone().cancelled_owned();
        drop(clients.context.tasks.spawn("fake service", async move { server.serve(listener, over).await.unwrap() }));
    }
    std::fs::write(clients.root.path().join("services"), addresses.join(" ")).unwrap();
}

struct Workflow(Arc<FakeController>);

fn internal(error: impl std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}

#[tonic::async_trait]
impl PushService for Workflow {
    async fn authenticate_key(
        &self,
        request: Request<AuthenticateKeyRequest>,
    ) -> Result<Response<AuthenticateKeyResponse>, Status> {
        let user = self.0.authenticate(request.into_inner().public_key.to_vec()).await.map_err(internal)?;
        let user = user.ok_or_else(|| Status::not_found("no such key"))?;
        Ok(Response::new(AuthenticateKeyResponse { username: user.to_string() }))
    }

    async fn authorize_git(
        &self,
        request: Request<AuthorizeGitRequest>,
    ) -> Result<Response<AuthorizeGitResponse>, Status> {
        let AuthorizeGitRequest { username, app, .. } = request.into_inner();
        let authorized = self.0.authorize(username.parse().unwrap(), app.parse().unwrap(), Access::Write).await;
        authorized.map_err(internal)?;
        Ok(Response::new(AuthorizeGitResponse {}))
    }

    async fn get_build_context(
        &self,
        _request: Request<GetBuildContextRequest>,
    ) -> Result<Response<GetBuildContextResponse>, Status> {
        Ok(Response::new(GetBuildContextResponse { environment: HashMap::new() }))
    }

    type CreateBuildStream = Answers<deis_proto::workflow::DeployEvent>;

    async fn create_build(
        &self,
        request: Request<CreateBuildRequest>,
    ) -> Result<Response<Self::CreateBuildStream>, Status> {
        let request = request.into_inner();
        let build = NewBuild {
            request_key: request.request_key,
            user: request.username.parse().unwrap(),
            app: request.app.parse().unwrap(),
            image: request.image,
            sha: request.sha.parse().unwrap(),
            processes: request.processes,
            detected: request.detected,
            log: request.log,
        };
        let events = self.0.create_build(build).await.map_err(internal)?;
        Ok(Response::new(events.map(|event| event.map(encode).map_err(internal)).boxed()))
    }

    async fn record_failed_build(
        &self,
        request: Request<RecordFailedBuildRequest>,
    ) -> Result<Response<RecordFailedBuildResponse>, Status> {
        let request = request.into_inner();
        let build = FailedBuild {
            request_key: request.request_key,
            user: request.username.parse().unwrap(),
            app: request.app.parse().unwrap(),
            sha: request.sha.parse().unwrap(),
            code: request.code.parse().unwrap(),
            message: request.message,
            log: request.log,
        };
        self.0.record_failed_build(build).await.map_err(internal)?;
        Ok(Response::new(RecordFailedBuildResponse {}))
    }
}

fn encode(event: DeployEvent) -> deis_proto::workflow::DeployEvent {
    use deploy_event::{Deployed, Event, Failed, ReleaseCreated, Step};
    let event = match event {
        DeployEvent::ReleaseCreated(version) => Event::ReleaseCreated(ReleaseCreated { version: version.into() }),
        DeployEvent::Step(text) => Event::Step(Step { text }),
        DeployEvent::Deployed(version) => Event::Deployed(Deployed { version: version.into() }),
        DeployEvent::Failed { code, message, log_tail } => {
            Event::Failed(Failed { code: code.to_string(), message, log_tail, ..Failed::default() })
        }
    };
    deis_proto::workflow::DeployEvent { event: Some(event) }
}

#[derive(Default)]
struct Leases {
    last: i64,
    alive: HashSet<i64>,
    /// Lock to lease and owner.
    locks: HashMap<String, (i64, LockOwner)>,
    /// Locks that somebody has waited for.
    waited: HashSet<String>,
}

impl Leases {
    fn end(&mut self, lease: i64) {
        self.alive.remove(&lease);
        self.locks.retain(|_, (holder, _)| *holder != lease);
    }
}

/// Leases and locks. Time passes when a test says so.
pub(super) struct State {
    leases: watch::Sender<Leases>,
}

impl Default for State {
    fn default() -> Self {
        Self { leases: watch::channel(Leases::default()).0 }
    }
}

impl State {
    pub(super) fn is_held(&self, app: &str) -> bool {
        self.leases.borrow().locks.contains_key(&format!("push/{app}"))
    }

    /// Waits until somebody waits for the app's lock.
    pub(super) async fn waited_for(&self, app: &str) {
        let name = format!("push/{app}");
        self.leases.subscribe().wait_for(|leases| leases.waited.contains(&name)).await.unwrap();
    }

    /// The lease that was granted last.
    pub(super) fn newest(&self) -> i64 {
        self.leases.borrow().last
    }

    /// The leases of a process that died.
    pub(super) fn alive(&self) -> HashSet<i64> {
        self.leases.borrow().alive.clone()
    }

    /// Nobody has renewed them for longer than they live.
    pub(super) fn expire(&self, left: &HashSet<i64>) {
        self.leases.send_modify(|leases| {
            left.iter().for_each(|lease| leases.end(*lease));
            let Leases { alive, locks, .. } = leases;
            assert!(locks.values().all(|(lease, _)| alive.contains(lease)), "locks without a lease: {locks:?}");
        });
    }

    /// Waits until the app's lock was given back.
    pub(super) async fn free(&self, app: &str) {
        let name = format!("push/{app}");
        self.leases.subscribe().wait_for(|leases| !leases.locks.contains_key(&name)).await.unwrap();
    }
}

#[tonic::async_trait]
impl LeaseService for State {
    async fn grant(&self, request: Request<GrantRequest>) -> Result<Response<GrantResponse>, Status> {
        let time_to_live = request.into_inner().time_to_live;
        let mut lease_id = 0;
        self.leases.send_modify(|leases| {
            leases.last += 1;
            lease_id = leases.last;
            leases.alive.insert(lease_id);
        });
        Ok(Response::new(GrantResponse { lease_id, time_to_live }))
    }

    type KeepAliveStream = Answers<KeepAliveResponse>;

    async fn keep_alive(
        &self,
        request: Request<Streaming<KeepAliveRequest>>,
    ) -> Result<Response<Self::KeepAliveStream>, Status> {
        let leases = self.leases.subscribe();
        let answers = request.into_inner().map(move |request| {
            if leases.borrow().alive.contains(&request?.lease_id) {
                Ok(KeepAliveResponse::default())
            } else {
                Err(Status::not_found("no such lease"))
            }
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn revoke(&self, request: Request<RevokeRequest>) -> Result<Response<RevokeResponse>, Status> {
        self.leases.send_modify(|leases| leases.end(request.get_ref().lease_id));
        Ok(Response::new(RevokeResponse {}))
    }
}

#[tonic::async_trait]
impl LockService for State {
    async fn acquire(&self, request: Request<AcquireRequest>) -> Result<Response<AcquireResponse>, Status> {
        use acquire_response::{Acquired, Held, Outcome};
        let AcquireRequest { name, lease_id, owner, wait } = request.into_inner();
        if let Some(wait) = wait {
            self.leases.send_modify(|leases| leases.waited.extend([name.clone()]));
            let mut leases = self.leases.subscribe();
            let free = leases.wait_for(|leases| !leases.locks.contains_key(&name));
            drop(deadline(wait.try_into().unwrap(), free).await);
        }
        let mut outcome = Err(Status::not_found("no such lease"));
        self.leases.send_modify(|leases| {
            if !leases.alive.contains(&lease_id) {
                return;
            }
            let holder = leases.locks.get(&name).filter(|(lease, _)| *lease != lease_id);
            outcome = Ok(if let Some((_, owner)) = holder {
                let since = prost_types::Timestamp { seconds: SINCE, nanos: 0 };
                Outcome::Held(Held { owner: Some(owner.clone()), since: Some(since), ..Held::default() })
            } else {
                leases.locks.insert(name, (lease_id, owner.unwrap_or_default()));
                Outcome::Acquired(Acquired { revision: 1 })
            });
        });
        outcome.map(|outcome| Response::new(AcquireResponse { outcome: Some(outcome) }))
    }

    async fn release(&self, _request: Request<ReleaseRequest>) -> Result<Response<ReleaseResponse>, Status> {
        Err(Status::unimplemented("the builder ends its leases"))
    }
}
