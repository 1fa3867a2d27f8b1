//! The whole service but for its peers: REST and gRPC on loopback, the ledger in a database of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use deis_bootstrap::Context;
use deis_proto::workflow::push_service_client::PushServiceClient;
use deis_proto::workflow::push_service_server::PushServiceServer;
use deis_workflow::accounts::{BuilderKey, Passwords, RegistrationMode};
use deis_workflow::deploy::{Deployer, Outside};
use deis_workflow::embedded::{OwnLocks, OwnProgress};
use deis_workflow::hooks::{Addresses, Hooks};
use deis_workflow::ledger::Ledger;
use deis_workflow::ledger::sql::SqlLedger;
use deis_workflow::logs::{Events, LogStore, Logs};
use deis_workflow::peers::Logger;
use deis_workflow::releases::MissingProcfile;
use deis_workflow::runs::Runs;
use deis_workflow::seams::{Plain, Seams};
use deis_workflow::server::connections::{self, Limits};
use deis_workflow::server::grpc::Push;
use deis_workflow::server::{Workflow, rest};
use reqwest::{Method, StatusCode};
use secrecy::SecretSlice;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Channel;

use super::builder::TestBuilder;
use super::builder_hooks::KEY;
use super::cluster::TestCluster;
use super::holder::TestHolder;
use super::logger::TestLogger;
use super::logs::TestPodLogs;
use super::routers::{NoRouters, TestRouter};
pub(crate) use super::stable::stable;

pub(crate) struct Sandbox {
    pub(crate) cluster: Arc<TestCluster>,
    /// Whom reads ask.
    pub(crate) router: Arc<TestRouter>,
    pub(crate) ledger: SqlLedger,
    pub(crate) mode: watch::Sender<RegistrationMode>,
    pub(crate) push: PushServiceClient<Channel>,
    pub(crate) workflow: Workflow,
    pub(crate) logger: TestLogger,
    pub(crate) pod_logs: Arc<TestPodLogs>,
    pub(crate) holder: Arc<TestHolder>,
    pub(crate) builder: Arc<TestBuilder>,
    /// Who has them keeps passwords from being hashed.
    pub(crate) turns: Arc<Semaphore>,
    peers: Peers,
    context: Context,
    rest: SocketAddr,
    client: reqwest::Client,
    /// What is beneath the ledger.
    pub(crate) database: crate::Database,
    _snapshots: insta::internals::SettingsBindDropGuard,
}

/// What an operator has set.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) missing_procfile: MissingProcfile,
    pub(crate) hooks: Addresses,
    pub(crate) limits: Limits,
    /// What a builder outside of the platform shows, if there may be one.
    pub(crate) builder_key: Option<BuilderKey>,
}

/// An answer of the REST API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) code: Option<String>,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Status, code and body in one line.
    pub(crate) fn line(&self) -> String {
        format!("{} {} {}", self.status.as_u16(), self.code.as_deref().unwrap_or("-"), self.body)
    }
}

impl Sandbox {
    pub(crate) async fn start() -> Self {
        Self::start_as(Setup { builder_key: BuilderKey::new(KEY.into()), ..Setup::default() }).await
    }

    pub(crate) async fn start_as(setup: Setup) -> Self {
        let context = Context::new("workflow");
        let (ledger, database) = crate::ledger().await;
        ledger.migrate().await.unwrap();
        let cluster = Arc::new(TestCluster::default());
        let (mode, registration) = watch::channel(RegistrationMode::Enabled);
        let logger = TestLogger::start(&context).await;
        let store = Arc::new(Logger::new(logger.client()));
        let events = Events::start(&context, Arc::clone(&store) as Arc<dyn LogStore>);
        let known = Arc::new(ledger.clone()) as Arc<dyn Ledger>;
        let hooks = Hooks::start(&context, &known, &events, setup.hooks);
        let events = events.announced_by(hooks);
        let peers = Peers::new(events, Arc::clone(&store));
        let pod_logs = Arc::new(TestPodLogs::default());
        let logs = Logs::new(store, Arc::clone(&pod_logs) as _, Arc::clone(&cluster) as _, context.shutdown.clone());
        let router = Arc::<TestRouter>::default();
        let turns = Arc::new(Semaphore::new(2));
        let workflow = Workflow {
            ledger: Arc::new(ledger.clone()),
            cluster: Arc::clone(&cluster) as _,
            pods: Arc::clone(&cluster) as _,
            routers: Arc::clone(&router) as _,
            logs,
            builder: Arc::clone(&peers.builder) as _,
            deployer: peers.deployer(&context, &ledger, &cluster, &Plain),
            runs: Runs::new(Arc::clone(&cluster) as _, context.shutdown.clone()),
            passwords: Passwords::with_turns(context.tasks.clone(), Arc::clone(&turns)),
            registration,
            tasks: context.tasks.clone(),
            reserved: ["deis".to_owned()].into_iter().collect(),
            missing_procfile: setup.missing_procfile,
            builder_key: setup.builder_key,
            fingerprints: rest::Fingerprints::from(SecretSlice::from(b"key".to_vec())),
        };

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let rest = listener.local_addr().unwrap();
        let (routes, lent, limits) = (rest::router(workflow.clone()), context.clone(), setup.limits);
        let serve = async move { connections::serve(listener, &lent, routes, limits).await };
        drop(context.tasks.spawn("rest", serve));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let grpc = format!("http://{}", listener.local_addr().unwrap());
        let service = PushServiceServer::new(Push::new(workflow.clone(), context.clone()));
        let server = tonic::transport::Server::builder().add_service(service);
        let incoming = TcpListenerStream::new(listener);
        drop(context.tasks.spawn("grpc", async move { server.serve_with_incoming(incoming).await.unwrap() }));
        let push = PushServiceClient::connect(grpc).await.unwrap();
        let (holder, builder) = (Arc::clone(&peers.holder), Arc::clone(&peers.builder));
        // Both databases have the same snapshots: the name of the test program is not in theirs.
        let mut snapshots = insta::Settings::clone_current();
        snapshots.set_prepend_module_to_snapshot(false);
        Self {
            cluster,
            router,
            ledger,
            mode,
            push,
            workflow,
            logger,
            pod_logs,
            holder,
            builder,
            turns,
            peers,
            context,
            rest,
            client: reqwest::Client::new(),
            database,
            _snapshots: snapshots.bind_to_scope(),
        }
    }

    /// What the process tells of itself.
    pub(crate) fn metrics(&self) -> String {
        self.context.metrics.encode().unwrap()
    }

    /// Where the REST API is.
    pub(crate) const fn rest(&self) -> SocketAddr {
        self.rest
    }

    pub(crate) async fn call(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = self.client.request(method, format!("http://{}{path}", self.rest));
        if let Some(token) = token {
            request = request.header("Authorization", format!("token {token}"));
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.send(request).await
    }

    pub(crate) async fn raw(&self, path: &str, token: &str, body: &'static str) -> Answer {
        let request = self.client.post(format!("http://{}{path}", self.rest)).body(body);
        self.send(request.header("Authorization", format!("Token {token}"))).await
    }

    /// A request of a client that does not wait for what comes of it.
    pub(crate) async fn call_async(&self, method: Method, path: &str, token: &str, body: Value) -> Answer {
        let request = self.client.request(method, format!("http://{}{path}", self.rest)).json(&body);
        self.send(request.header("Authorization", format!("token {token}")).header("Prefer", "respond-async")).await
    }

    /// A request that is known again by its key.
    pub(crate) async fn post_with_key(&self, path: &str, token: &str, key: &str, body: Value) -> Answer {
        let request = self.client.post(format!("http://{}{path}", self.rest)).json(&body);
        self.send(request.header("Authorization", format!("token {token}")).header("Idempotency-Key", key)).await
    }

    /// The same, of another process's REST API.
    pub(crate) async fn post_at(&self, at: SocketAddr, path: &str, token: &str, key: &str, body: Value) -> Answer {
        let request = self.client.post(format!("http://{at}{path}")).json(&body);
        self.send(request.header("Authorization", format!("token {token}")).header("Idempotency-Key", key)).await
    }

    /// Any request that is known again by its key.
    pub(crate) async fn keyed(
        &self,
        method: Method,
        path: &str,
        authorization: Option<&str>,
        key: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let request = self.client.request(method, format!("http://{}{path}", self.rest)).body(body);
        let request = authorization.into_iter().fold(request, |request, who| request.header("Authorization", who));
        self.send(request.header("Idempotency-Key", key)).await
    }

    /// A request that a proxy has passed on, if there is one.
    pub(crate) async fn post_through(&self, proxy: Option<&str>, path: &str, token: &str, body: Value) -> Answer {
        let request = self.client.post(format!("http://{}{path}", self.rest)).json(&body);
        let request = request.header("Authorization", format!("token {token}"));
        let request = proxy.into_iter().fold(request, |request, clients| request.header("X-Forwarded-For", clients));
        self.send(request).await
    }

    /// A request with any body, and any text for who asks.
    pub(crate) async fn bytes(&self, method: Method, path: &str, authorization: Option<&str>, body: Vec<u8>) -> Answer {
        let request = self.client.request(method, format!("http://{}{path}", self.rest)).body(body);
        let request = match authorization {
            Some(authorization) => request.header("Authorization", authorization),
            None => request,
        };
        self.send(request).await
    }

    /// An answer that is read as it comes.
    pub(crate) async fn open(&self, path: &str, token: &str, accept: &str) -> reqwest::Response {
        let request = self.client.get(format!("http://{}{path}", self.rest)).header("Accept", accept);
        request.header("Authorization", format!("token {token}")).send().await.unwrap()
    }

    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        Answer {
            status,
            code: headers.get("deis-error-code").map(|code| code.to_str().unwrap().to_owned()),
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, Some(token), None).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(token), Some(body)).await
    }

    /// Registers a user and logs him in; answers his token.
    pub(crate) async fn user(&self, name: &str) -> String {
        let registration = json!({ "username": name, "password": "secret", "email": format!("{name}@example.com") });
        let answer = self.call(Method::POST, "/v2/auth/register/", None, Some(registration)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        let login = json!({ "username": name, "password": "secret" });
        let answer = self.call(Method::POST, "/v2/auth/login/", None, Some(login)).await;
        answer.body["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn ledger_user(&self, name: &str) -> deis_workflow::ledger::User {
        self.workflow.ledger.user(&name.parse().unwrap()).await.unwrap().unwrap().0
    }

    /// An app of `bob`, the first user, who is an administrator by that.
    pub(crate) async fn app(&self, name: &str) -> String {
        let token = self.user("bob").await;
        let answer = self.post("/v2/apps/", &token, json!({ "id": name })).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        token
    }
}

/// What replicas share beside the ledger and the cluster.
#[derive(Clone)]
struct Peers {
    locks: Arc<OwnLocks>,
    progress: Arc<OwnProgress>,
    events: Events,
    holder: Arc<TestHolder>,
    logger: Arc<Logger>,
    builder: Arc<TestBuilder>,
}

impl Peers {
    fn new(events: Events, logger: Arc<Logger>) -> Self {
        let (locks, progress) = Default::default();
        Self { locks, progress, events, holder: Arc::default(), logger, builder: Arc::default() }
    }

    fn deployer(
        &self,
        context: &Context,
        ledger: &SqlLedger,
        cluster: &Arc<TestCluster>,
        seams: &impl Seams,
    ) -> Deployer {
        let outside = Outside {
            ledger: Arc::new(ledger.clone()),
            cluster: Arc::clone(cluster) as _,
            routers: Arc::new(NoRouters),
            events: self.events.clone(),
            holders: vec![Arc::clone(&self.holder) as _, Arc::clone(&self.logger) as _],
            epoch: Instant::now(),
        };
        let (locks, progress) = (Arc::clone(&self.locks), Arc::clone(&self.progress));
        Deployer::with_seams(context.clone(), outside, seams, locks, progress)
    }
}

impl Sandbox {
    /// Another process that deploys.
    pub(crate) fn replica(&self) -> Deployer {
        self.peers.deployer(&self.context, &self.ledger, &self.cluster, &Plain)
    }

    /// Another process, with something between it and the world.
    pub(crate) fn process(&self, context: &Context, seams: &impl Seams) -> Workflow {
        let ledger = self.ledger.clone().with_commit(seams.commit());
        let events = Events::start(context, Arc::clone(&self.peers.logger) as _);
        let deployer = Peers { events, ..self.peers.clone() }.deployer(context, &ledger, &self.cluster, seams);
        let runs = Runs::new(seams.runs(Arc::clone(&self.cluster) as _), context.shutdown.clone());
        Workflow { ledger: Arc::new(ledger), deployer, runs, tasks: context.tasks.clone(), ..self.workflow.clone() }
    }
}
