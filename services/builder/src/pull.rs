//! `deis pull`: an image that was built elsewhere becomes one of ours.
//!
//! It is copied by digest, registry to registry, byte for byte, so that its name stays good for ever. Before anything is copied
//! it is known that it can run here. A user chooses the address that we call: see [`guard`] for where we do not go.

mod documents;
mod guard;
mod name;
mod passwd;
mod source;

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deis_api::{AppName, Code};
use deis_bootstrap::{Context, deadline};
use deis_oci::{Digest, DigestWriter};
use futures_util::StreamExt as _;
use http::HeaderValue;
use parking_lot::Mutex;
use secrecy::SecretString;
use tokio::sync::mpsc::Sender;

pub(crate) use guard::Guard;

use crate::Error;
use crate::registry::Registry;
use documents::{Blob, Config, Document, Manifest};
use name::ImageName;
use source::Source;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// A step is told after so many bytes.
const STEP: u64 = 8 << 20;

/// What is wanted.
pub(crate) struct Order {
    pub(crate) app: AppName,
    /// As the user wrote it.
    pub(crate) image: String,
    /// User and password of its registry.
    pub(crate) credentials: Option<(String, SecretString)>,
    /// An administrator lets this app run as root.
    pub(crate) allow_root: bool,
}

/// An image that is in our registry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pulled {
    /// By digest, under the name that nodes pull.
    pub(crate) image: String,
    /// What the name stood for in its own registry.
    pub(crate) source_digest: Digest,
    pub(crate) user: u32,
    pub(crate) exposed_port: Option<u16>,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) command: Vec<String>,
}

/// Pulls images.
pub(crate) struct Pulls {
    pub(crate) registry: Arc<Registry>,
    /// Under which name nodes pull: "127.0.0.1:5555".
    pub(crate) image_host: String,
    pub(crate) guard: Arc<Guard>,
    /// The sum of an image's layers, packed, in bytes.
    pub(crate) max_bytes: u64,
    pub(crate) context: Context,
}

impl Pulls {
    /// Pulls an image; `steps` gets what is being waited for.
    pub(crate) async fn pull(&self, order: Order, steps: &Sender<String>) -> Result<Pulled, Error> {
        let late = |_| refused(Code::DeadlineExceeded, "Copying the image took longer than 30 minutes.");
        deadline(LIMIT, self.run(order, steps)).await.map_err(late)?
    }

    async fn run(&self, order: Order, steps: &Sender<String>) -> Result<Pulled, Error> {
        let name = ImageName::parse(&order.image)?;
        say(steps, format!("looking for {name}")).await;
        let source = Source::new(name, order.credentials, Arc::clone(&self.guard))?;
        let (manifest, source_digest) = self.manifest(&source).await?;
        let config = Config::parse(&source.blob(manifest.config()).await?)?;
        let here = config.platform();
        if here != documents::here() {
            return Err(wrong_architecture(source.name(), &[here]));
        }
        let size = manifest.layers().iter().map(|layer| layer.size).sum::<u64>();
        if size > self.max_bytes {
            return Err(Error::TooLarge { what: "An image", limit: self.max_bytes });
        }
        let user = self.user(&source, &manifest, &config).await?;
        if user == 0 && !order.allow_root {
            return Err(root_refused(source.name(), &config.user));
        }
        self.copy(&order.app, &source, &manifest, steps).await?;
        let digest = Digest::of(manifest.bytes());
        Ok(Pulled {
            image: format!("{}/{}@{digest}", self.image_host, order.app),
            source_digest,
            user,
            exposed_port: config.first_port(),
            entrypoint: config.entrypoint,
            command: config.command,
        })
    }

    /// The manifest for machines like ours, and the digest of what the name stands for.
    async fn manifest(&self, source: &Source) -> Result<(Manifest, Digest), Error> {
        let found = source.manifest(source.name().wanted()).await?;
        let source_digest = Digest::of(&found.bytes);
        let index = match Document::parse(found)? {
            Document::Manifest(manifest) => return Ok((manifest, source_digest)),
            Document::Index(index) => index,
        };
        let Some(entry) = index.for_here() else {
            return Err(wrong_architecture(source.name(), &index.platforms()));
        };
        let found = source.manifest(&entry.to_string()).await?;
        if Digest::of(&found.bytes) != *entry {
            return Err(refused(Code::ImagePullFailed, "The registry sent another manifest than its index names."));
        }
        match Document::parse(found)? {
            Document::Manifest(manifest) => Ok((manifest, source_digest)),
            Document::Index(_) => Err(refused(Code::ImagePullFailed, "The image's index names another index.")),
        }
    }

    /// The number of the user that the image runs as.
    async fn user(&self, source: &Source, manifest: &Manifest, config: &Config) -> Result<u32, Error> {
        let user = config.user.split(':').next().unwrap_or_default();
        match user {
            "" | "root" => Ok(0),
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                number.parse().map_err(|_| unknown_user(user, "it is no number of a user"))
            }
            name => passwd::find(source, manifest.layers(), name, &self.context.tasks).await,
        }
    }

    /// What is missing of the layers, the config, and the manifest last: an image is there as a whole or not at all.
    async fn copy(
        &self,
        app: &AppName,
        source: &Source,
        manifest: &Manifest,
        steps: &Sender<String>,
    ) -> Result<(), Error> {
        let count = manifest.layers().len();
        let total = manifest.layers().iter().map(|layer| layer.size).sum::<u64>();
        let mut before = 0;
        for (number, layer) in manifest.layers().iter().enumerate() {
            let progress = Progress { number: number + 1, count, before, total, steps: steps.clone() };
            self.copy_blob(app, source, layer, Some(progress)).await?;
            before += layer.size;
        }
        self.copy_blob(app, source, manifest.config(), None).await?;
        let media_type = HeaderValue::from_str(manifest.media_type())
            .map_err(|_| refused(Code::ImagePullFailed, "The manifest's type is malformed."))?;
        self.registry.put_manifest(app, manifest.bytes().to_vec(), media_type).await
    }

    async fn copy_blob(
        &self,
        app: &AppName,
        source: &Source,
        blob: &Blob,
        progress: Option<Progress>,
    ) -> Result<(), Error> {
        if self.registry.has(app, &blob.digest).await? {
            return Ok(());
        }
        if let Some(progress) = &progress {
            progress.say(0).await;
        }
        let mut told = 0;
        let watch = Arc::new(Mutex::new(Watch::new()));
        let seen = Arc::clone(&watch);
        let bytes = source.stream(blob).await?.inspect(move |bytes| {
            let copied = seen.lock().see(bytes);
            if let Some(progress) = &progress
                && copied - told >= STEP
            {
                told = copied;
                progress.mention(copied);
            }
        });
        // Our registry computes the digest again and takes nothing else; what it says then is not what the user has to hear.
        let stored = self.registry.put_blob(app, &blob.digest, blob.size, bytes).await;
        stored.map_err(|error| watch.lock().explain(error, source.name(), blob))
    }
}

/// What came from the other registry, to tell its failures from ours.
struct Watch {
    digest: Option<DigestWriter<io::Sink>>,
    copied: u64,
    broke: Option<String>,
}

impl Watch {
    fn new() -> Self {
        Self { digest: Some(DigestWriter::new(io::sink())), copied: 0, broke: None }
    }

    /// The bytes so far.
    fn see(&mut self, bytes: &io::Result<Bytes>) -> u64 {
        match bytes {
            Ok(bytes) => {
                self.copied += bytes.len() as u64;
                if let Some(digest) = &mut self.digest {
                    // Nothing is written anywhere, so that nothing can fail.
                    drop(digest.write_all(bytes));
                }
            }
            Err(error) => self.broke = Some(error.to_string()),
        }
        self.copied
    }

    fn explain(&mut self, error: Error, name: &ImageName, blob: &Blob) -> Error {
        if let Some(broke) = &self.broke {
            return refused(Code::Unavailable, format!("The registry of {name} broke off: {broke}. Try again."));
        }
        match self.digest.take().map(|digest| digest.finish().1) {
            Some(found) if self.copied >= blob.size && found != blob.digest => refused(
                Code::ImagePullFailed,
                format!("The registry of {name} sent something else than its manifest names."),
            ),
            _ => error,
        }
    }
}

/// How far a copy is.
struct Progress {
    number: usize,
    count: usize,
    /// Bytes of the layers before.
    before: u64,
    total: u64,
    steps: Sender<String>,
}

impl Progress {
    fn text(&self, copied: u64) -> String {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let Self { number, count, before, total, .. } = self;
        format!("copying {number} of {count} layers, {} of {} MiB", mib(before + copied), mib(*total))
    }

    async fn say(&self, copied: u64) {
        say(&self.steps, self.text(copied)).await;
    }

    /// Rather not at all than late.
    fn mention(&self, copied: u64) {
        drop(self.steps.try_send(self.text(copied)));
    }
}

/// When nobody listens, that is noticed elsewhere.
async fn say(steps: &Sender<String>, text: String) {
    drop(steps.send(text).await);
}

fn refused(code: Code, message: impl Into<String>) -> Error {
    Error::Pull { code, message: message.into() }
}

fn wrong_architecture(name: &ImageName, platforms: &[String]) -> Error {
    let theirs = platforms.join(", ");
    let here = documents::here();
    let message = format!("{name} is built for {theirs}, but the nodes here are {here}. Build it for {here} as well.");
    refused(Code::WrongArchitecture, message)
}

fn root_refused(name: &ImageName, user: &str) -> Error {
    let says = if user.is_empty() { "names no user".to_owned() } else { format!("runs as {user}") };
    let message = format!(
        "{name} {says}, so it would run as root. Add a line such as USER 1000 to its Dockerfile, or ask an administrator \
         to allow root for this app: deis apps:allow-root"
    );
    refused(Code::RootRefused, message)
}

fn unknown_user(user: &str, problem: &str) -> Error {
    let message = format!("The image runs as the user \"{user}\", but {problem}. Name its number instead: USER 1000.");
    refused(Code::FailedPrecondition, message)
}
