//! Build pods that speak the real contract over the real listener, and do what a test wants.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use deis_api::Code;
use deis_bootstrap::Tasks;
use deis_builder::Error;
use deis_builder::ports::{Call, Job, Orphans, Runner, Running};
use deis_oci::{Compression, Digest, LayerPath, LayerWriter, Meta, Owner};
use deis_proto::builder::build_service_client::BuildServiceClient;
use deis_proto::builder::builder_message::Message as FromBuilder;
use deis_proto::builder::pod_message::{CacheEnd, Message, Started};
use deis_proto::builder::{BuildFailure, BuildResult, BuildSpec, CacheLayer, LayerEnd, LayerStart, PodMessage};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use secrecy::ExposeSecret as _;
use tokio::sync::{Notify, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

/// What a pod does with the source.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// Builds a layer of one file.
    Builds,
    Fails,
    /// Arrives, says a line, and then nothing more.
    Hangs,
    /// Says this about itself and ends.
    Refuses(Code, &'static str),
    /// Says this line, and builds.
    Prints(&'static str),
    /// Says a line, and builds when it is told to.
    After(Arc<Notify>),
    /// Is not started: Kubernetes is away.
    NoPod,
    /// Is ended by Kubernetes before it arrives.
    NeverArrives,
    /// Is ended by Kubernetes in the middle, for this reason.
    Vanishes(Code, &'static str),
    /// Sends a layer with a file where none may be.
    Evil,
    /// Says something else about its layer than what it is.
    Lies,
    /// Never stops sending.
    Endless,
    /// Builds, and wants this content cached.
    Caches(&'static str),
    /// Builds, and says that what was cached is what it was.
    Keeps,
    /// Builds, and says something else about what is to be cached than what it is.
    LiesAboutCache,
}

/// What pods have seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) spec: Option<BuildSpec>,
    /// Bytes of the source.
    pub(crate) source: u64,
    /// The beginning of the source.
    pub(crate) head: Vec<u8>,
    /// What went wrong in a pod.
    pub(crate) broken: Option<String>,
    pub(crate) lines: usize,
    /// The apps whose pods said a line.
    pub(crate) apps: HashSet<String>,
    pub(crate) started: usize,
    /// What the last pod was given from the cache: layer and bytes.
    pub(crate) cache: Vec<(CacheLayer, Vec<u8>, LayerEnd)>,
    pub(crate) removed: usize,
}

pub(crate) struct FakeRunner {
    pub(crate) behaviour: Mutex<Behaviour>,
    /// Of single apps' pods.
    behaviours: Mutex<HashMap<String, Behaviour>>,
    seen: Arc<watch::Sender<Seen>>,
    pod: Arc<Pod>,
    tasks: Tasks,
}

struct Pod {
    address: SocketAddr,
    ca: String,
}

impl FakeRunner {
    pub(crate) fn new(address: SocketAddr, ca: String, tasks: Tasks) -> Self {
        let seen = Arc::new(watch::channel(Seen::default()).0);
        Self {
            behaviour: Mutex::new(Behaviour::Builds),
            behaviours: Mutex::default(),
            seen,
            pod: Arc::new(Pod { address, ca }),
            tasks,
        }
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock() = behaviour;
    }

    /// As [`Self::behave`], for one app.
    pub(crate) fn behave_for(&self, app: &str, behaviour: Behaviour) {
        self.behaviours.lock().insert(app.to_owned(), behaviour);
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    pub(crate) async fn sees(&self, condition: impl FnMut(&Seen) -> bool) -> Seen {
        self.seen.subscribe().wait_for(condition).await.unwrap().clone()
    }
}

impl Runner for FakeRunner {
    fn start(&self, job: Job) -> Call<'_, Box<dyn Running>> {
        let behaviour = self.behaviours.lock().get(job.app.as_str()).cloned();
        let behaviour = behaviour.unwrap_or_else(|| self.behaviour.lock().clone());
        if matches!(behaviour, Behaviour::NoPod) {
            let source = Box::new(kube::Error::LinesCodecMaxLineLengthExceeded);
            let error = deis_kube::Error::Unavailable { object: format!("Pod {}-build", job.app), source };
            return std::future::ready(Err(error.into())).boxed();
        }
        self.seen.send_modify(|seen| seen.started += 1);
        let removed = CancellationToken::new();
        let ends = match behaviour {
            Behaviour::NeverArrives => Some((Code::BuildOutOfRoom, "The build needed more memory than it may have.")),
            Behaviour::Vanishes(code, message) => Some((code, message)),
            _ => None,
        };
        let running = RunningPod { removed: removed.clone(), seen: Arc::clone(&self.seen), ends };
        if !matches!(behaviour, Behaviour::NeverArrives) {
            let (pod, seen) = (Arc::clone(&self.pod), Arc::clone(&self.seen));
            let life = async move {
                tokio::select! {
                    outcome = pod.live(job, behaviour, &seen) => {
                        if let Err(error) = outcome {
                            seen.send_modify(|seen| seen.broken = Some(error.to_string()));
                        }
                    }
                    () = removed.cancelled() => {}
                }
            };
            drop(self.tasks.spawn("fake pod", life));
        }
        std::future::ready(Ok(Box::new(running) as Box<dyn Running>)).boxed()
    }

    fn remove_orphans(&self) -> BoxFuture<'_, Orphans> {
        std::future::ready(Orphans::None).boxed()
    }
}

struct RunningPod {
    removed: CancellationToken,
    seen: Arc<watch::Sender<Seen>>,
    /// Why Kubernetes ends it.
    ends: Option<(Code, &'static str)>,
}

impl Running for RunningPod {
    fn ended<'a>(&'a mut self, _notice: &'a (dyn Fn(String) + Send + Sync)) -> BoxFuture<'a, Error> {
        if let Some((code, message)) = self.ends {
            std::future::ready(Error::Pod { code, message: message.to_owned() }).boxed()
        } else {
            std::future::pending().boxed()
        }
    }

    fn remove(&mut self) -> BoxFuture<'_, ()> {
        self.removed.cancel();
        self.seen.send_modify(|seen| seen.removed += 1);
        std::future::ready(()).boxed()
    }
}

impl Pod {
    async fn live(
        &self,
        job: Job,
        behaviour: Behaviour,
        seen: &watch::Sender<Seen>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.ca)).domain_name("deis-builder");
        let channel = Endpoint::from_shared(format!("https://{}", self.address))?.tls_config(tls)?.connect().await?;
        let app = job.app.to_string();
        let (messages, queue) = mpsc::channel(16);
        let send = async |message| messages.send(PodMessage { message: Some(message) }).await;
        send(Message::Started(Started { lifecycle_version: "test".to_owned() })).await?;
        let mut request = tonic::Request::new(ReceiverStream::new(queue));
        request.metadata_mut().insert("authorization", format!("Bearer {}", job.token.expose_secret()).parse()?);
        let mut incoming = BuildServiceClient::new(channel).build(request).await?.into_inner();

        while let Some(message) = incoming.message().await? {
            match message.message {
                Some(FromBuilder::Spec(spec)) => seen.send_modify(|seen| {
                    seen.spec = Some(spec);
                    seen.cache.clear();
                }),
                Some(FromBuilder::SourceChunk(bytes)) => seen.send_modify(|seen| {
                    let room = 4096_usize.saturating_sub(seen.head.len());
                    seen.head.extend_from_slice(&bytes[..room.min(bytes.len())]);
                    seen.source += bytes.len() as u64;
                }),
                Some(FromBuilder::SourceEnd(_)) => {}
                Some(FromBuilder::CacheLayer(layer)) => {
                    seen.send_modify(|seen| seen.cache.push((layer, Vec::new(), LayerEnd::default())));
                }
                Some(FromBuilder::CacheChunk(bytes)) => {
                    seen.send_modify(|seen| seen.cache.last_mut().unwrap().1.extend_from_slice(&bytes));
                }
                Some(FromBuilder::CacheLayerEnd(end)) => {
                    seen.send_modify(|seen| seen.cache.last_mut().unwrap().2 = end);
                }
                Some(FromBuilder::CacheEnd(_)) => break,
                other => return Err(format!("{other:?}").into()),
            }
        }
        if let Behaviour::Refuses(code, message) = behaviour {
            send(Message::Failure(BuildFailure { code: code.to_string(), message: message.to_owned() })).await?;
            incoming.message().await?;
            return Ok(());
        }
        send(Message::LogLine("-----> Go app detected".to_owned())).await?;
        if let Behaviour::Prints(line) = behaviour {
            send(Message::LogLine(line.to_owned())).await?;
        }
        seen.send_modify(|seen| {
            seen.lines += 1;
            seen.apps.insert(app);
        });
        match behaviour {
            Behaviour::Refuses(..) | Behaviour::NoPod | Behaviour::NeverArrives | Behaviour::Vanishes(..) => {
                return Ok(());
            }
            Behaviour::Hangs => std::future::pending().await,
            Behaviour::Fails => {
                let (code, message) =
                    ("build-failed".to_owned(), "The Go buildpack ended with exit status 1.".to_owned());
                send(Message::Failure(BuildFailure { code, message })).await?;
            }
            Behaviour::Builds
            | Behaviour::Prints(_)
            | Behaviour::After(_)
            | Behaviour::Evil
            | Behaviour::Lies
            | Behaviour::Caches(_)
            | Behaviour::Keeps
            | Behaviour::LiesAboutCache => {
                if let Behaviour::After(notice) = &behaviour {
                    notice.notified().await;
                }
                let path =
                    if matches!(behaviour, Behaviour::Evil) { "cnb/lifecycle/launcher" } else { "workspace/web" };
                let mut layer = LayerWriter::new(Vec::new(), Compression::Gzip);
                layer.file(&LayerPath::parse(path)?, Meta::file(Owner::ROOT, true), 3, b"web".as_slice())?;
                let (layer, bytes) = layer.finish()?;
                send(Message::LayerStart(LayerStart { name: "app".to_owned() })).await?;
                send(Message::LayerChunk(bytes.into())).await?;
                let diff_id = if matches!(behaviour, Behaviour::Lies) { layer.digest } else { layer.diff_id };
                let (digest, diff_id) = (layer.digest.to_string(), diff_id.to_string());
                send(Message::LayerEnd(LayerEnd { digest, diff_id, size: layer.size.try_into()? })).await?;
                for message in cache(&behaviour) {
                    send(message).await?;
                }
                send(Message::Result(result())).await?;
            }
            Behaviour::Endless => {
                send(Message::LayerStart(LayerStart { name: "app".to_owned() })).await?;
                while send(Message::LayerChunk(vec![0; 65_536].into())).await.is_ok() {}
            }
        }
        // The verdict; the pod may be deleted before it comes.
        incoming.message().await?;
        Ok(())
    }
}

fn result() -> BuildResult {
    BuildResult {
        processes: [("web".to_owned(), "go-example".to_owned())].into(),
        default_process: "web".to_owned(),
        environment: [("STACK".to_owned(), "bookworm".to_owned())].into(),
        buildpacks: vec!["deis/go@0.1.0".to_owned()],
        detected: "Go".to_owned(),
    }
}

/// What a pod says about its cache.
fn cache(behaviour: &Behaviour) -> Vec<Message> {
    let layer = CacheLayer {
        buildpack: "deis/go".to_owned(),
        name: "modules".to_owned(),
        metadata: "[metadata]\ngo = \"1.23\"\n".to_owned(),
    };
    let end = Message::CacheEnd(CacheEnd::default());
    let (content, said) = match behaviour {
        Behaviour::Caches(content) => (*content, *content),
        Behaviour::LiesAboutCache => ("lie", "truth"),
        Behaviour::Keeps => return vec![Message::CacheKept(layer), end],
        _ => return vec![end],
    };
    let digest = Digest::of(said.as_bytes()).to_string();
    let size = said.len().try_into().unwrap();
    let layer_end = LayerEnd { digest: digest.clone(), diff_id: digest, size };
    let chunk = Message::CacheChunk(content.as_bytes().to_vec().into());
    vec![Message::CacheLayer(layer), chunk, Message::CacheLayerEnd(layer_end), end]
}
