//! The conversation with the builder.

use std::time::Duration;

use deis_api::causes;
use deis_proto::builder::build_service_client::BuildServiceClient;
use deis_proto::builder::builder_message::{Message as FromBuilder, Refused};
use deis_proto::builder::pod_message::{Message, Started};
use deis_proto::builder::{BuildFailure, BuildResult, BuildSpec, BuilderMessage, PodMessage};
use secrecy::ExposeSecret;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status, Streaming};

use crate::pipeline::Given;
use crate::report::Report;
use crate::source::{Piece, SourceReader};
use crate::{Config, Failure, cache, pipeline};

/// Messages that may be on their way in either direction: enough to keep a connection busy.
const IN_FLIGHT: usize = 16;

/// One build, from the connection to the builder's verdict.
pub(crate) async fn hold(config: &Config) -> Result<(), Failure> {
    let (messages, outgoing) = mpsc::channel(IN_FLIGHT);
    tell(&messages, Message::Started(Started { lifecycle_version: env!("CARGO_PKG_VERSION").to_owned() })).await?;

    let mut request = Request::new(ReceiverStream::new(outgoing));
    request.metadata_mut().insert("authorization", authorization(config)?);
    let mut client = BuildServiceClient::new(connect(config).await?);
    let mut incoming = client.build(request).await.map_err(broken)?.into_inner();
    let spec = specification(&mut incoming).await?;
    converse(config, spec, &mut incoming, messages).await
}

fn authorization(config: &Config) -> Result<MetadataValue<Ascii>, Failure> {
    let text = format!("Bearer {}", config.token.expose_secret());
    let mut value =
        MetadataValue::try_from(text).map_err(|_| Failure::Connection("the token is malformed".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn connect(config: &Config) -> Result<Channel, Failure> {
    // When somebody in this process was first, it was with the same choice.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let broken = |error: tonic::transport::Error| Failure::Connection(causes(&error));
    let tls =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&config.ca)).domain_name(&config.builder_name);
    let endpoint = Endpoint::from_shared(format!("https://{}", config.builder_address)).map_err(broken)?;
    endpoint
        .tls_config(tls)
        .map_err(broken)?
        .connect_timeout(Duration::from_secs(10))
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(20))
        .keep_alive_while_idle(true)
        .connect()
        .await
        .map_err(broken)
}

async fn specification(incoming: &mut Streaming<BuilderMessage>) -> Result<BuildSpec, Failure> {
    match incoming.message().await.map_err(broken)?.and_then(|message| message.message) {
        Some(FromBuilder::Spec(spec)) => Ok(spec),
        Some(FromBuilder::Refused(refused)) => Err(refusal(refused)),
        _ => Err(Failure::Connection("it did not begin with a specification".to_owned())),
    }
}

/// Passes the source on to the build and its outcome to the builder, until the builder has decided.
async fn converse(
    config: &Config,
    spec: BuildSpec,
    incoming: &mut Streaming<BuilderMessage>,
    messages: mpsc::Sender<PodMessage>,
) -> Result<(), Failure> {
    let (pieces, source) = mpsc::channel(IN_FLIGHT);
    let (cached, cache) = mpsc::channel(IN_FLIGHT);
    let mut pieces = Some(pieces);
    let given = Given { source: SourceReader::new(source), cache };
    let mut build = start(config, spec, given, Report::new(messages.clone()));
    let mut failed = None;
    let mut building = true;
    loop {
        tokio::select! {
            message = incoming.message() => {
                let message = message.map_err(broken)?.and_then(|message| message.message);
                match message {
                    // Nobody reads when the build has failed before the end of the source.
                    Some(FromBuilder::SourceChunk(bytes)) => pass_on(pieces.as_ref(), Piece::Bytes(bytes)).await,
                    Some(FromBuilder::SourceEnd(_)) => pass_on(pieces.take().as_ref(), Piece::End).await,
                    Some(FromBuilder::CacheLayer(layer)) => pass_on(Some(&cached), cache::Piece::Layer(layer)).await,
                    Some(FromBuilder::CacheChunk(bytes)) => pass_on(Some(&cached), cache::Piece::Bytes(bytes)).await,
                    Some(FromBuilder::CacheLayerEnd(end)) => pass_on(Some(&cached), cache::Piece::LayerEnd(end)).await,
                    Some(FromBuilder::CacheEnd(_)) => pass_on(Some(&cached), cache::Piece::End).await,
                    Some(FromBuilder::Accepted(_)) => return Ok(()),
                    Some(FromBuilder::Refused(refused)) => return Err(refusal(refused)),
                    Some(FromBuilder::Spec(_)) => return Err(Failure::Connection("it sent two specifications".to_owned())),
                    // The builder hangs up after a failure that it was told.
                    None => return Err(failed.unwrap_or_else(|| Failure::Connection("it hung up".to_owned()))),
                }
            }
            finished = &mut build, if building => {
                building = false;
                match finished.unwrap_or_else(|_| Err(Failure::Connection("the build broke off".to_owned()))) {
                    Ok(result) => tell(&messages, Message::Result(result)).await?,
                    Err(failure) => {
                        let (code, message) = (failure.code().to_string(), failure.to_string());
                        tell(&messages, Message::Failure(BuildFailure { code, message })).await?;
                        failed = Some(failure);
                    }
                }
            }
        }
    }
}

type Build = tokio::task::JoinHandle<Result<BuildResult, Failure>>;

#[expect(
    clippy::disallowed_methods,
    reason = "the program runs this one thing and ends: there is nobody to wait for it"
)]
fn start(config: &Config, spec: BuildSpec, given: Given, report: Report) -> Build {
    let folders = config.folders.clone();
    tokio::task::spawn_blocking(move || pipeline::build(spec, given, &folders, &report))
}

async fn pass_on<T>(pieces: Option<&mpsc::Sender<T>>, piece: T) {
    if let Some(pieces) = pieces {
        drop(pieces.send(piece).await);
    }
}

async fn tell(messages: &mpsc::Sender<PodMessage>, message: Message) -> Result<(), Failure> {
    let message = PodMessage { message: Some(message) };
    messages.send(message).await.map_err(|_| Failure::Connection("the builder is gone".to_owned()))
}

fn refusal(refused: Refused) -> Failure {
    Failure::Refused { code: refused.code, message: refused.message }
}

fn broken(status: Status) -> Failure {
    Failure::Connection(format!("{} ({})", status.message(), status.code()))
}
