//! What buildpacks find again: their layers with `cache = true` and their `store.toml` (Buildpack specification, "Layer
//! Types"). They come back before the build and leave after it. A cache is a gain of time and nothing else: nothing in
//! here fails a build.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path};

use bytes::{Buf, Bytes};
use deis_oci::{Compression, Digest, DigestReader, LayerPath, Limits, Tree};
use deis_proto::builder::pod_message::{CacheEnd, Message};
use deis_proto::builder::{CacheLayer, LayerEnd};
use tokio::sync::mpsc::Receiver;

use crate::buildpack::Buildpack;
use crate::export::APP;
use crate::layers::{Made, STORE};
use crate::report::Report;
use crate::upload::Upload;
use crate::{Failure, Folders};

/// The folder of an archive that holds the layer.
const ROOT: &str = "layer";

/// Where a layer is unpacked before it is known to be whole; no buildpack has this name.
const DRAFT: &str = ".restored";

/// The cache as it comes from the builder.
pub(crate) enum Piece {
    Layer(CacheLayer),
    Bytes(Bytes),
    LayerEnd(LayerEnd),
    End,
}

/// Layers that are back, with the digest of their content.
#[derive(Default)]
pub(crate) struct Restored(HashMap<(String, String), String>);

/// Puts layers where the buildpacks of `group` find them. The rest of the cache is read and forgotten.
pub(crate) fn restore(
    pieces: Receiver<Piece>,
    group: &[&Buildpack],
    folders: &Folders,
    report: &Report,
) -> Result<Restored, Failure> {
    let mut pieces = Pieces { pieces, current: Bytes::new(), end: None };
    let mut restored = Restored::default();
    let mut said = false;
    loop {
        // Without an end the connection has broken, which shows elsewhere.
        let layer = match pieces.pieces.blocking_recv() {
            Some(Piece::Layer(layer)) => layer,
            Some(Piece::End) | None => return Ok(restored),
            Some(_) => continue,
        };
        let buildpack = group.iter().find(|buildpack| buildpack.id == layer.buildpack);
        let outcome = buildpack.map(|buildpack| take(&mut pieces, buildpack, &layer, folders));
        pieces.finish_layer();
        if outcome.is_some() && !std::mem::replace(&mut said, true) {
            report.title("Restoring cache")?;
        }
        match outcome {
            Some(Ok(diff_id)) => drop(restored.0.insert((layer.buildpack, layer.name), diff_id)),
            Some(Err(problem)) => {
                report.line(&format!("{} of {} is not restored: {problem}.", layer.name, layer.buildpack))?;
            }
            None => {}
        }
    }
}

/// Unpacks one layer; it appears as a whole or not at all. The error is the end of a sentence.
fn take(pieces: &mut Pieces, buildpack: &Buildpack, layer: &CacheLayer, folders: &Folders) -> Result<String, String> {
    let mut components = Path::new(&layer.name).components();
    let is_name = matches!((components.next(), components.next()), (Some(Component::Normal(_)), None));
    if !is_name || layer.name.starts_with('.') {
        return Err("its name is not one of a layer".to_owned());
    }
    let draft = folders.layers.join(DRAFT);
    let mut archive = DigestReader::new(&mut *pieces);
    let unpacked = deis_oci::unpack(&mut archive, Compression::Gzip, &draft, &Limits::default());
    let (pieces, found, _) = archive.finish();
    let placed = match (unpacked, &pieces.end) {
        (Ok(_), Some(end)) if end.digest.parse::<Digest>().is_ok_and(|saved| saved == found) => {
            let diff_id = end.diff_id.clone();
            place(&draft, buildpack, layer, folders).map(|()| diff_id).map_err(|error| error.to_string())
        }
        (Ok(_), _) => Err("its content is not what was saved".to_owned()),
        (Err(error), _) => Err(error.to_string()),
    };
    match fs::remove_dir_all(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.to_string()),
        _ => placed,
    }
}

fn place(draft: &Path, buildpack: &Buildpack, layer: &CacheLayer, folders: &Folders) -> io::Result<()> {
    let folder = folders.layers.join(buildpack.escaped_id());
    fs::create_dir_all(&folder)?;
    if layer.name != STORE {
        fs::rename(draft.join(ROOT), folder.join(&layer.name))?;
    }
    fs::write(folder.join(format!("{}.toml", layer.name)), &layer.metadata)
}

/// Sends what the buildpacks want to find again.
pub(crate) fn save(
    built: &[(Buildpack, Made)],
    restored: &Restored,
    folders: &Folders,
    max_bytes: u64,
    report: &Report,
) -> Result<(), Failure> {
    let saver = Saver { restored, report, upload: Upload::new(report, max_bytes, Message::CacheChunk) };
    let problem = match saver.save(built, folders) {
        Ok(()) => String::new(),
        Err(gone @ Failure::Connection(_)) => return Err(gone),
        Err(Failure::TooLarge { limit_mib }) => format!("it is bigger than {limit_mib} MiB, packed"),
        Err(Failure::Layer(error)) => error.to_string(),
        Err(other) => other.to_string(),
    };
    report.send(Message::CacheEnd(CacheEnd { problem }))
}

struct Saver<'a> {
    restored: &'a Restored,
    report: &'a Report,
    upload: Upload<'a>,
}

impl Saver<'_> {
    fn save(mut self, built: &[(Buildpack, Made)], folders: &Folders) -> Result<(), Failure> {
        for (buildpack, made) in built {
            for layer in made.layers.iter().filter(|layer| layer.types.cache) {
                let metadata = toml::Table::from_iter([("metadata".to_owned(), layer.metadata.clone().into())]);
                let root = LayerPath::parse(ROOT).map_err(Failure::Layer)?;
                let mut tree = Tree::new();
                tree.add(&layer.folder, root, APP).map_err(Failure::Layer)?;
                self.send(buildpack, &layer.name, metadata.to_string(), &tree)?;
            }
            let store = folders.layers.join(buildpack.escaped_id()).join(format!("{STORE}.toml"));
            match fs::read_to_string(store) {
                Ok(store) => self.send(buildpack, STORE, store, &Tree::new())?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Failure::io("read store.toml")(error)),
            }
        }
        Ok(())
    }

    fn send(&mut self, buildpack: &Buildpack, name: &str, metadata: String, tree: &Tree) -> Result<(), Failure> {
        let layer = CacheLayer { buildpack: buildpack.id.clone(), name: name.to_owned(), metadata };
        // To digest is much cheaper than to pack and send, and most of what comes back does not change.
        if let Some(before) = self.restored.0.get(&(layer.buildpack.clone(), layer.name.clone())) {
            let (now, _) = tree.write(Compression::None, io::sink()).map_err(Failure::Layer)?;
            if now.diff_id.to_string() == *before {
                return self.report.send(Message::CacheKept(layer));
            }
        }
        self.report.send(Message::CacheLayer(layer))?;
        let end = self.upload.send(tree)?;
        self.report.send(Message::CacheLayerEnd(end))
    }
}

/// Reads the bytes of a layer up to its end.
struct Pieces {
    pieces: Receiver<Piece>,
    current: Bytes,
    end: Option<LayerEnd>,
}

impl Pieces {
    /// Whatever of the layer was not read, is not read any more.
    fn finish_layer(&mut self) {
        while self.end.is_none() {
            match self.pieces.blocking_recv() {
                Some(Piece::LayerEnd(end)) => self.end = Some(end),
                Some(Piece::Bytes(_)) => {}
                _ => break,
            }
        }
        self.end = None;
        self.current.clear();
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && self.end.is_none() {
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => self.current = bytes,
                Some(Piece::LayerEnd(end)) => self.end = Some(end),
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = self.current.len().min(buffer.len());
        self.current.split_to(count).copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        Ok(count)
    }
}
