//! Websockets on which somebody works with a process. What goes over them says [`deis_api::session`].

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::Response;
use deis_api::Code;
use deis_api::session::{Exit, FRAME_LIMIT, Frame, Order};
use deis_bootstrap::deadline;
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::apps::find;
use super::caller::Bearer;
use super::error::ApiError;
use super::openapi::{BadRequest, OfApp};
use super::run::limit;
use crate::access::Verb;
use crate::acting::Acting;
use crate::error::Error;
use crate::ledger::{Change, RequestKey};
use crate::runs::{Attendance, Authority, Client, Request, USUAL_DETACHED};
use crate::server::Workflow;

/// How many frames wait in each direction.
const QUEUE: usize = 4;
/// How long a client may take to say what he wants.
const ORDER_PATIENCE: Duration = Duration::from_secs(10);
/// Between two pings: a router ends what says nothing.
const PING: Duration = Duration::from_secs(20);
/// Who has not answered three of them is gone.
const SILENCE: Duration = Duration::from_secs(65);
/// How long the last words may take to get to the client.
const FAREWELL: Duration = Duration::from_secs(5);

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// `GET /v2/apps/{app}/run/attach/`: runs a command once, with the client at both ends of it. It ends when he goes.
#[utoipa::path(
    get, path = "/v2/apps/{app}/run/attach/", operation_id = "run_attach",
    responses((status = 101, description = "A websocket: frames of a session."), BadRequest, OfApp)
)]
pub(super) async fn run(
    State(workflow): State<Workflow>,
    Bearer(actor, token): Bearer,
    Path(id): Path<String>,
    upgrade: Upgrade,
) -> Result<Response, ApiError> {
    let (user, app) = find(workflow.ledger.as_ref(), &actor, Verb::Change, &id).await?;
    let user = user.username.clone();
    let (ledger, uuid, verb) = (Arc::clone(&workflow.ledger), app.uuid, Verb::Change);
    let authority = Authority { ledger, token, app: app.id.clone(), uuid, verb };
    let work = workflow.clone();
    let session = async move |order: Order, mut client: Client| {
        let command = order.command.join(" ");
        if command.trim().is_empty() {
            return Err(Error::refused(Code::InvalidArgument, "command is a required field"));
        }
        let limit = order.timeout.map(limit).transpose()?.unwrap_or(USUAL_DETACHED);
        let attendance = order.terminal.map_or(Attendance::Streams, |_| Attendance::Terminal);
        let request = Request { command, limit, key: RequestKey::unique(), attendance };
        let events = work.deployer.events();
        let started = work.runs.start(work.ledger.as_ref(), events, &user, &app, request).await?;
        work.runs.attend(&started.one_off, order.terminal, &mut client, &authority).await
    };
    Ok(serve(&workflow, upgrade?, session))
}

/// `GET /v2/apps/{app}/pods/{type}/{name}/exec/`: runs a command in a process's container, with the client at both ends of it.
#[utoipa::path(
    get, path = "/v2/apps/{app}/pods/{type}/{name}/exec/", operation_id = "pods_exec",
    responses((status = 101, description = "A websocket: frames of a session."), BadRequest, OfApp)
)]
pub(super) async fn exec(
    State(workflow): State<Workflow>,
    Bearer(actor, token): Bearer,
    Path((id, kind, name)): Path<(String, String, String)>,
    upgrade: Upgrade,
) -> Result<Response, ApiError> {
    let (user, app) = find(workflow.ledger.as_ref(), &actor, Verb::Change, &id).await?;
    let pods = workflow.pods.pods(&app.id);
    let pod = pods.into_iter().find(|pod| pod.name == name && pod.proc_type.as_str() == kind).ok_or_else(|| {
        let message = format!("There is no process {name}: 'deis ps -a {}' lists those that there are.", app.id);
        Error::refused(Code::NotFound, message)
    })?;
    let user = user.username.clone();
    let (ledger, uuid, verb) = (Arc::clone(&workflow.ledger), app.uuid, Verb::Change);
    let authority = Authority { ledger, token, app: app.id.clone(), uuid, verb };
    let work = workflow.clone();
    let session = async move |order: Order, mut client: Client| {
        let Order { command, terminal, .. } = order;
        if command.is_empty() {
            return Err(Error::refused(Code::InvalidArgument, "command is a required field"));
        }
        let note = Change::app(&app.id, "pod.exec", Value::Null, json!({ "pod": pod.name }));
        work.ledger.note(note).await?;
        let said = command.join(" ");
        work.deployer.events().record(&app.id, "exec", format!("{user} in {} runs '{said}'", pod.name));
        tracing::info!(app = %app.id, pod = pod.name, "{user} runs a command in a process");
        work.runs.exec(&app.id, &pod.name, &command, terminal, &mut client, &authority).await
    };
    Ok(serve(&workflow, upgrade?, session))
}

impl From<WebSocketUpgradeRejection> for Error {
    fn from(_rejection: WebSocketUpgradeRejection) -> Self {
        Self::refused(Code::InvalidArgument, "This is a websocket: 'deis run' and 'deis ps:exec' speak to it.")
    }
}

fn serve<S, F>(workflow: &Workflow, upgrade: WebSocketUpgrade, session: S) -> Response
where
    S: FnOnce(Order, Client) -> F + Send + 'static,
    F: Future<Output = Result<i32, Error>> + Send + 'static,
{
    let (tasks, acting) = (workflow.tasks.clone(), Acting::current());
    upgrade.max_message_size(FRAME_LIMIT + 1).on_upgrade(async move |socket| {
        // Whoever ends the process waits for its tasks.
        if let Err(error) = tasks.spawn("session", acting.scope(converse(socket, session))).await {
            tracing::error!(%error, "a session did not come to its end");
        }
    })
}

async fn converse<S, F>(socket: WebSocket, session: S)
where
    S: FnOnce(Order, Client) -> F,
    F: Future<Output = Result<i32, Error>>,
{
    let (sink, mut stream) = socket.split();
    let first = deadline(ORDER_PATIENCE, stream.next()).await;
    let (to_session, frames) = mpsc::channel(QUEUE);
    let (answers, to_client) = mpsc::channel(QUEUE);
    let (farewell, gone) = (answers.clone(), CancellationToken::new());
    let client = Client { frames, answers, gone: gone.clone() };
    let work = async move {
        let done = match order(first) {
            Some(order) => session(order, client).await,
            None => {
                Err(Error::refused(Code::MalformedBody, "The first message is to be the JSON of what is to be run."))
            }
        };
        let exit = match done {
            Ok(exit_code) => Exit::Ended { exit_code },
            Err(error) => refusal(&error),
        };
        // Nobody hears it when the client is gone.
        let _heard = deadline(FAREWELL, farewell.send(Frame::Exit(exit))).await;
        // With the last of the senders the way to the client closes.
        drop(farewell);
    };
    let write = write(sink, to_client);
    let both = async {
        tokio::pin!(work, write);
        tokio::select! {
            () = &mut work => {
                let _heard = deadline(FAREWELL, &mut write).await;
            }
            // Then the session hears that nobody listens.
            () = &mut write => work.await,
        }
    };
    let reading = read(stream, to_session, gone);
    tokio::pin!(both, reading);
    tokio::select! {
        // A connection that is closed with something unread in it is reset, and the last words with it: the client closes first.
        () = &mut both => {
            let _closed = deadline(FAREWELL, reading).await;
        }
        () = &mut reading => both.await,
    }
}

/// What is to be run, out of the client's first message.
fn order<E>(first: Result<Option<Result<Message, axum::Error>>, E>) -> Option<Order> {
    match first {
        Ok(Some(Ok(Message::Text(text)))) => serde_json::from_str(&text).ok(),
        _ => None,
    }
}

fn refusal(error: &Error) -> Exit {
    // Here an error is handled, so here it is logged.
    if let Error::Internal(source) | Error::Unavailable(source) = error {
        tracing::error!(error = ?source, "a session failed");
    }
    Exit::Refused { code: error.code().to_string(), detail: error.to_string() }
}

/// Hands frames on as long as the session takes them, and reads until the client is gone, of which the session hears.
async fn read(
    mut stream: impl Stream<Item = Result<Message, axum::Error>> + Unpin,
    to_session: mpsc::Sender<Frame>,
    gone: CancellationToken,
) {
    while let Ok(Some(Ok(message))) = deadline(SILENCE, stream.next()).await {
        let frame = match message {
            Message::Binary(bytes) => Frame::decode(&bytes),
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Text(_) | Message::Close(_) => break,
        };
        match frame {
            // One that is over takes none.
            Ok(frame) => drop(to_session.send(frame).await),
            Err(error) => {
                tracing::info!(%error, "a client of a session does not speak as it should");
                break;
            }
        }
    }
    gone.cancel();
}

/// Hands frames to the client until there are no more, or he takes none.
async fn write(mut sink: impl Sink<Message> + Unpin, mut frames: mpsc::Receiver<Frame>) {
    let mut pings = interval(PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            frame = frames.recv() => match frame {
                Some(frame) => Message::Binary(frame.encode().into()),
                None => break,
            },
            _tick = pings.tick() => Message::Ping(Default::default()),
        };
        if sink.send(message).await.is_err() {
            return;
        }
    }
    drop(sink.close().await);
}
