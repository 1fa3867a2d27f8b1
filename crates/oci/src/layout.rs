//! A folder of images that share blobs (`image-layout.md`).

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use oci_spec::image::{ANNOTATION_REF_NAME, Descriptor, ImageIndex, ImageIndexBuilder, MediaType, SCHEMA_VERSION};

use crate::{Digest, Error, Image, Layer, Result, json};

/// containerd takes the name of an imported image from this annotation when it is there, and from the
/// specification's own, which means a tag to some tools and a whole name to others, when it is not.
const ANNOTATION_CONTAINERD_NAME: &str = "io.containerd.image.name";

const MARKER: &str = "oci-layout";
const INDEX: &str = "index.json";
const BLOBS: &str = "blobs/sha256";

/// A layout folder. Blobs are put in place by a rename, so a killed program leaves no half blob under a digest; one
/// program at a time may write.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Opens the layout in `root`, and makes an empty one where there is none.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self> {
        let layout = Self { root: root.into() };
        let blobs = layout.root.join(BLOBS);
        fs::create_dir_all(&blobs).map_err(Error::write(&blobs))?;
        if !layout.root.join(INDEX).exists() {
            layout.write_index(Vec::new())?;
        }
        let marker = layout.root.join(MARKER);
        if !marker.exists() {
            layout.replace(&marker, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        }
        Ok(layout)
    }

    /// Opens the layout in `root`.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let layout = Self { root: root.into() };
        let marker = layout.root.join(MARKER);
        fs::metadata(&marker).map_err(Error::read(&marker))?;
        Ok(layout)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the blob of a digest is, or would be.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join(BLOBS).join(digest.hex())
    }

    /// Whether the blob is there.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.blob_path(digest).exists()
    }

    /// Opens a blob.
    pub fn blob(&self, digest: &Digest) -> Result<File> {
        let path = self.blob_path(digest);
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NoBlob(*digest)),
            other => other.map_err(Error::read(path)),
        }
    }

    /// Reads a small blob, a manifest or a config, and compares it with its digest.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io::copy(&mut self.blob(digest)?, &mut bytes).map_err(Error::read(self.blob_path(digest)))?;
        let found = Digest::of(&bytes);
        if found == *digest { Ok(bytes) } else { Err(Error::Mismatch { expected: *digest, found }) }
    }

    /// Stores a small blob.
    pub fn write(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        if !self.contains(&digest) {
            self.replace(&self.blob_path(&digest), bytes)?;
        }
        Ok(digest)
    }

    /// A file to stream a layer into; [`BlobWriter::commit`] puts it in place.
    pub fn writer(&self) -> Result<BlobWriter> {
        let path = self.temporary();
        let file = File::create(&path).map_err(Error::write(&path))?;
        Ok(BlobWriter { file: BufWriter::with_capacity(256 * 1024, file), path, blobs: self.root.join(BLOBS) })
    }

    /// Stores an image whose layers are here already under `reference`, its full name with registry and tag. An image
    /// that had this name before stays until [`Layout::prune`].
    pub fn add(&self, image: &Image, reference: &str) -> Result<()> {
        if let Some(layer) = image.layers().iter().find(|layer| !self.contains(&layer.digest)) {
            return Err(Error::NoBlob(layer.digest));
        }
        self.write(image.config_bytes())?;
        let digest = self.write(image.manifest_bytes())?;

        let mut entry = Descriptor::new(MediaType::ImageManifest, image.manifest_bytes().len() as u64, digest);
        let names = [ANNOTATION_REF_NAME, ANNOTATION_CONTAINERD_NAME].map(|key| (key.to_owned(), reference.to_owned()));
        entry.set_annotations(Some(HashMap::from(names)));
        let mut entries = self.entries()?;
        entries.retain(|other| name(other) != Some(reference));
        entries.push(entry);
        self.write_index(entries)
    }

    /// The images by name: reference and manifest digest.
    pub fn images(&self) -> Result<Vec<(String, Digest)>> {
        let named = |entry: &Descriptor| Some((name(entry)?.to_owned(), Digest::try_from(entry.digest())));
        self.entries()?.iter().filter_map(named).map(|(name, digest)| Ok((name, digest?))).collect()
    }

    /// The image of that name.
    pub fn image(&self, reference: &str) -> Result<Image> {
        let images = self.images()?;
        let found = images.into_iter().find(|(name, _)| name == reference);
        let (_, digest) = found.ok_or_else(|| Error::NoImage(reference.to_owned()))?;
        self.image_by_digest(&digest)
    }

    /// The image whose manifest has that digest.
    pub fn image_by_digest(&self, digest: &Digest) -> Result<Image> {
        let manifest = self.read(digest)?;
        let config: oci_spec::image::ImageManifest =
            serde_json::from_slice(&manifest).map_err(Error::json("manifest"))?;
        Image::parse(manifest, self.read(&Digest::try_from(config.config().digest())?)?)
    }

    /// Keeps the images that `keep` says yes to, and the blobs that they need, and deletes everything else.
    pub fn prune(&self, keep: impl Fn(&str) -> bool) -> Result<()> {
        let mut entries = self.entries()?;
        entries.retain(|entry| name(entry).is_some_and(&keep));
        self.write_index(entries)?;

        let mut needed = BTreeSet::new();
        for (_, digest) in self.images()? {
            let image = self.image_by_digest(&digest)?;
            needed.extend([digest.hex(), image.config_digest().hex()]);
            needed.extend(image.layers().iter().map(|layer| layer.digest.hex()));
        }
        let blobs = self.root.join(BLOBS);
        for entry in fs::read_dir(&blobs).map_err(Error::read(&blobs))? {
            let entry = entry.map_err(Error::read(&blobs))?;
            if !entry.file_name().to_str().is_some_and(|name| needed.contains(name)) {
                fs::remove_file(entry.path()).map_err(Error::write(entry.path()))?;
            }
        }
        Ok(())
    }

    fn entries(&self) -> Result<Vec<Descriptor>> {
        let path = self.root.join(INDEX);
        let bytes = fs::read(&path).map_err(Error::read(&path))?;
        let index: ImageIndex = serde_json::from_slice(&bytes).map_err(Error::json("index"))?;
        Ok(index.manifests().clone())
    }

    /// Writes the index in the order of names, so that the order of builds leaves no trace.
    fn write_index(&self, mut entries: Vec<Descriptor>) -> Result<()> {
        entries.sort_by(|one, other| name(one).cmp(&name(other)));
        let index = ImageIndexBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageIndex)
            .manifests(entries)
            .build()
            .map_err(|_| Error::Image("the index lacks a field"))?;
        self.replace(&self.root.join(INDEX), &json::canonical("index", &index)?)
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let temporary = self.temporary();
        fs::write(&temporary, bytes).map_err(Error::write(&temporary))?;
        fs::rename(&temporary, path).map_err(Error::write(path))
    }

    /// A new name among the blobs, on the same file system; [`Layout::prune`] deletes what a killed program left.
    fn temporary(&self) -> PathBuf {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("tmp-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        self.root.join(BLOBS).join(name)
    }
}

fn name(entry: &Descriptor) -> Option<&str> {
    entry.annotations().as_ref()?.get(ANNOTATION_REF_NAME).map(String::as_str)
}

/// A blob that is being written and has no digest yet; dropping it deletes the file.
#[derive(Debug)]
pub struct BlobWriter {
    file: BufWriter<File>,
    path: PathBuf,
    blobs: PathBuf,
}

impl BlobWriter {
    /// Puts the finished layer in place.
    pub fn commit(mut self, layer: &Layer) -> Result<()> {
        self.file.flush().map_err(Error::write(&self.path))?;
        let target = self.blobs.join(layer.digest.hex());
        fs::rename(&self.path, &target).map_err(Error::write(target))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.file.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        // After a commit there is nothing under this name; otherwise what is left over goes with the next prune.
        drop(fs::remove_file(&self.path));
    }
}
