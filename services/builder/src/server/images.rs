//! `ImageService`: decode, call, encode.

use std::pin::Pin;
use std::sync::Arc;

use deis_api::Code;
use deis_proto::builder::image_service_server::ImageService;
use deis_proto::builder::pull_image_event::Event;
use deis_proto::builder::{PullImageEvent, PullImageRequest, PulledImage};
use deis_rpc::status;
use futures_util::stream::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{name, refusal};
use crate::pull::{Order, Pulled, Pulls};

/// Steps that wait to be read.
const IN_FLIGHT: usize = 16;

pub(super) struct ImageRpc {
    pub(super) pulls: Arc<Pulls>,
}

#[tonic::async_trait]
impl ImageService for ImageRpc {
    type PullImageStream = Pin<Box<dyn Stream<Item = Result<PullImageEvent, Status>> + Send>>;

    async fn pull_image(&self, request: Request<PullImageRequest>) -> Result<Response<Self::PullImageStream>, Status> {
        let order = decode(request.into_inner())?;
        let (events, queue) = mpsc::channel(IN_FLIGHT);
        let (steps, mut told) = mpsc::channel(IN_FLIGHT);
        let pulls = Arc::clone(&self.pulls);
        let app = order.app.clone();
        let pull = async move {
            let steps = steps;
            pulls.pull(order, &steps).await
        };
        let shutdown = self.pulls.context.shutdown.clone();
        let work = async move {
            let mut pull = std::pin::pin!(pull);
            let outcome = loop {
                tokio::select! {
                    outcome = &mut pull => break outcome.map(encode).map_err(refusal),
                    Some(step) = told.recv() => drop(events.send(Ok(event(Event::Step(step)))).await),
                    // Nobody wants it any more. What was copied is found again by the next attempt.
                    () = events.closed() => return,
                    () = shutdown.cancelled() => {
                        break Err(status(Code::Unavailable, "The builder is restarting. Try again in a moment."));
                    }
                }
            };
            if let Ok(pulled) = &outcome {
                tracing::info!(%app, image = ?pulled.event, "image pulled");
            }
            drop(events.send(outcome).await);
        };
        drop(self.pulls.context.tasks.spawn("pull image", work));
        Ok(Response::new(ReceiverStream::new(queue).boxed()))
    }
}

fn decode(request: PullImageRequest) -> Result<Order, Status> {
    let PullImageRequest { app, image, username, password, allow_root } = request;
    let credentials = match (username.is_empty(), password.is_empty()) {
        (true, true) => None,
        (false, false) => Some((username, password.into())),
        _ => return Err(status(Code::InvalidArgument, "Registry auth requires a username and a password")),
    };
    Ok(Order { app: name(&app)?, image, credentials, allow_root })
}

fn encode(pulled: Pulled) -> PullImageEvent {
    event(Event::Pulled(PulledImage {
        image: pulled.image,
        source_digest: pulled.source_digest.to_string(),
        user: pulled.user.into(),
        exposed_port: pulled.exposed_port.map_or(0, i32::from),
        entrypoint: pulled.entrypoint,
        command: pulled.command,
    }))
}

fn event(event: Event) -> PullImageEvent {
    PullImageEvent { event: Some(event) }
}
