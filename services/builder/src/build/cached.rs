//! The build cache on its way to a pod and back. Nothing here fails a build.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use deis_oci::{Digest, DigestWriter};
use deis_proto::builder::builder_message::{CacheEnd, Message};
use deis_proto::builder::{BuilderMessage, CacheLayer, LayerEnd, pod_message};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::Sender;

use super::source::{CHUNK, tell};
use crate::cache::{Change, Entry, entry};

const MAX_LAYERS: usize = 256;

/// Longest name and longest metadata, in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// Gives a pod what an earlier build has cached. A layer that cannot be read to its end is not what it should be, and the pod
/// leaves it.
pub(super) async fn send(layers: &[(Entry, PathBuf)], outgoing: &Sender<BuilderMessage>) {
    for (entry, path) in layers {
        let Entry { buildpack, name, metadata, digest, diff_id, size } = entry.clone();
        if !tell(outgoing, Message::CacheLayer(CacheLayer { buildpack, name, metadata })).await {
            return;
        }
        if let Err(error) = send_file(path, outgoing).await {
            tracing::warn!(%error, path = %path.display(), "a cached layer cannot be read");
        }
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let (digest, diff_id) = (digest.to_string(), diff_id.to_string());
        tell(outgoing, Message::CacheLayerEnd(LayerEnd { digest, diff_id, size })).await;
    }
    tell(outgoing, Message::CacheEnd(CacheEnd {})).await;
}

async fn send_file(path: &Path, outgoing: &Sender<BuilderMessage>) -> io::Result<()> {
    let mut file = File::open(path).await?;
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK);
        let read = (&mut file).take(CHUNK as u64).read_buf(&mut buffer).await?;
        if read == 0 || !tell(outgoing, Message::CacheChunk(buffer.split().freeze())).await {
            return Ok(());
        }
    }
}

/// Takes what a pod wants cached. After the first problem the rest is read and forgotten.
pub(super) struct Saving<'a> {
    folder: &'a Path,
    left: u64,
    max_bytes: u64,
    current: Option<Current>,
    changes: Vec<Change>,
    problem: Option<String>,
    has_ended: bool,
}

struct Current {
    layer: CacheLayer,
    path: PathBuf,
    file: File,
    digest: DigestWriter<io::Sink>,
}

impl<'a> Saving<'a> {
    pub(super) fn new(folder: &'a Path, max_bytes: u64) -> Self {
        let (current, changes, problem) = (None, Vec::new(), None);
        Self { folder, left: max_bytes, max_bytes, current, changes, problem, has_ended: false }
    }

    /// Takes one message; gives back what is not about the cache.
    pub(super) async fn take(&mut self, message: pod_message::Message) -> Option<pod_message::Message> {
        use pod_message::Message;
        let is_open = self.problem.is_none() && !self.has_ended;
        let outcome = match message {
            Message::CacheLayer(layer) if is_open => self.start(layer).await,
            Message::CacheChunk(bytes) if is_open => self.chunk(&bytes).await,
            Message::CacheLayerEnd(end) if is_open => self.end(end).await,
            Message::CacheKept(layer) if is_open => self.add(Change::Kept(layer)),
            Message::CacheEnd(end) if is_open => {
                self.has_ended = true;
                // It was made in a tenant's pod.
                let problem = end.problem.chars().take(200).collect::<String>();
                if problem.is_empty() { Ok(()) } else { Err(problem) }
            }
            Message::CacheLayer(_)
            | Message::CacheChunk(_)
            | Message::CacheLayerEnd(_)
            | Message::CacheKept(_)
            | Message::CacheEnd(_) => Ok(()),
            other => return Some(other),
        };
        if let Err(problem) = outcome {
            self.problem = Some(problem);
        }
        None
    }

    async fn start(&mut self, layer: CacheLayer) -> Result<(), String> {
        if layer.buildpack.len().max(layer.name.len()).max(layer.metadata.len()) > MAX_TEXT {
            return Err("a layer's description is too long".to_owned());
        }
        let path = self.folder.join(format!("cache-{}", self.changes.len()));
        let file = File::create(&path).await.map_err(|error| error.to_string())?;
        self.current = Some(Current { layer, path, file, digest: DigestWriter::new(io::sink()) });
        Ok(())
    }

    async fn chunk(&mut self, bytes: &Bytes) -> Result<(), String> {
        let current = self.current.as_mut().ok_or("bytes of no layer")?;
        let too_big = || format!("it is bigger than {} MiB, packed", self.max_bytes >> 20);
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(too_big)?;
        current.digest.write_all(bytes).map_err(|error| error.to_string())?;
        current.file.write_all(bytes).await.map_err(|error| error.to_string())
    }

    async fn end(&mut self, end: LayerEnd) -> Result<(), String> {
        let Current { layer, path, mut file, digest } = self.current.take().ok_or("the end of no layer")?;
        file.flush().await.map_err(|error| error.to_string())?;
        let (_, found, size) = digest.finish();
        if end.digest.parse::<Digest>().ok() != Some(found) {
            return Err("its content is not what it is said to be".to_owned());
        }
        let diff_id = end.diff_id.parse().map_err(|error: deis_oci::Error| error.to_string())?;
        self.add(Change::New { entry: entry(layer, found, diff_id, size), file: path })
    }

    fn add(&mut self, change: Change) -> Result<(), String> {
        if self.changes.len() == MAX_LAYERS {
            return Err(format!("it has more than {MAX_LAYERS} layers"));
        }
        self.changes.push(change);
        Ok(())
    }

    /// All that was taken, or why there is nothing; as the end of a sentence.
    pub(super) fn finish(self) -> Result<Vec<Change>, String> {
        match self.problem {
            Some(problem) => Err(problem),
            None if self.has_ended => Ok(self.changes),
            None => Err("the build pod did not send it to its end".to_owned()),
        }
    }
}
