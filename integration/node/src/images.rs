//! Images for the node's containerd, without a Docker engine: OCI layouts and archives go in as one stream.
//!
//! An image's name is the annotation `io.containerd.image.name` of its entry in `index.json`, or
//! `org.opencontainers.image.ref.name` if that is a full reference (`deis.local/deis/workflow:0.1.0`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::exec;

/// The name of the image that holds every pod's namespaces; `config/containerd.toml` asks for it.
pub const PAUSE_IMAGE: &str = "localhost/pause:1";
const NAME: &str = "io.containerd.image.name";
/// The content of `oci-layout`.
const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
const REFERENCE: &str = "org.opencontainers.image.ref.name";

/// The node's containerd, reached through the mount namespace of one of its processes.
pub struct Containerd {
    namespace: String,
}

/// The part of `index.json` that says what a layout holds.
#[derive(Deserialize, Serialize)]
struct Index {
    #[serde(rename = "schemaVersion")]
    version: u8,
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize, Serialize)]
struct Descriptor {
    digest: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    /// The rest, as it came.
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// What an image consists of, besides its manifest.
#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

impl Containerd {
    /// `process` is any process in the node's mount namespace.
    pub fn of(process: u32) -> Self {
        Self { namespace: format!("--mount=/proc/{process}/ns/mnt") }
    }

    /// Whether it answers yet.
    pub async fn answers(&self) -> bool {
        exec::output("nsenter", &self.ctr(&["version"])).await.is_ok()
    }

    /// Loads a layout folder or an archive of one. Returns the names of its images and whether there was anything to do.
    ///
    /// # Errors
    /// When the layout names no image, a blob is missing, or containerd refuses it.
    pub async fn load(&self, path: &Path) -> Result<bool> {
        if path.is_dir() {
            return self.load_layout(path).await.with_context(|| format!("loading {}", path.display()));
        }
        let mut archive = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        self.import(|target| io::copy(&mut archive, target).map(drop))
            .with_context(|| format!("loading {}", path.display()))?;
        Ok(true)
    }

    /// Sends only what containerd lacks: platform images share nearly all their bytes.
    async fn load_layout(&self, layout: &Path) -> Result<bool> {
        let mut index: Index = serde_json::from_slice(&fs::read(layout.join("index.json"))?).context("index.json")?;
        let named = index.manifests.iter().all(|it| it.annotations.contains_key(NAME) || is_full_reference(it));
        ensure!(named && !index.manifests.is_empty(), "index.json names no image: annotation {NAME} or {REFERENCE}");

        let images = exec::output("nsenter", &self.ctr(&["images", "ls"])).await?;
        let present: BTreeSet<(&str, &str)> = images.lines().filter_map(name_and_digest).collect();
        index.manifests.retain(|it| !present.contains(&(it.name(), it.digest.as_str())));
        if index.manifests.is_empty() {
            return Ok(false);
        }
        let blobs = exec::output("nsenter", &self.ctr(&["content", "ls", "-q"])).await?;
        let there: BTreeSet<&str> = blobs.lines().collect();
        let mut needed = blobs_of(layout, &index)?;
        needed.retain(|blob| !there.contains(blob.as_str()));
        self.import(|target| write_layout(layout, &index, &needed, target))?;
        Ok(true)
    }

    /// Makes an image of one static program, which is its entry point and runs as nobody.
    pub fn load_program(&self, name: &str, program: &Path) -> Result<()> {
        let content = fs::read(program).with_context(|| format!("reading {}", program.display()))?;
        self.import(|target| write_program(name, &content, target)).with_context(|| format!("loading {name}"))
    }

    /// Runs an import and writes the archive into it.
    fn import(&self, archive: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        exec::feed_with("nsenter", &self.ctr(&["images", "import", "-"]), archive).map(drop)
    }

    fn ctr<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [&[self.namespace.as_str(), "ctr", "--namespace", "k8s.io"], args].concat()
    }
}

impl Descriptor {
    fn name(&self) -> &str {
        self.annotations.get(NAME).or_else(|| self.annotations.get(REFERENCE)).map_or("", String::as_str)
    }
}

/// containerd invents a name for a bare tag; that would never be found again.
fn is_full_reference(descriptor: &Descriptor) -> bool {
    descriptor.annotations.get(REFERENCE).is_some_and(|name| name.contains(['/', ':', '@']))
}

/// A line of `ctr images ls`: REF TYPE DIGEST …
fn name_and_digest(line: &str) -> Option<(&str, &str)> {
    let mut columns = line.split_whitespace();
    Some((columns.next()?, columns.nth(1)?))
}

/// The digests of everything that the images of an index consist of.
fn blobs_of(layout: &Path, index: &Index) -> Result<BTreeSet<String>> {
    let mut blobs = BTreeSet::new();
    for image in &index.manifests {
        let manifest = fs::read(layout.join(blob_path(&image.digest))).context("reading a manifest")?;
        let manifest: Manifest =
            serde_json::from_slice(&manifest).with_context(|| format!("manifest of {}", image.name()))?;
        blobs.insert(image.digest.clone());
        blobs.insert(manifest.config.digest);
        blobs.extend(manifest.layers.into_iter().map(|layer| layer.digest));
    }
    Ok(blobs)
}

/// Writes a part of a layout folder as an archive.
fn write_layout(layout: &Path, index: &Index, blobs: &BTreeSet<String>, target: &mut dyn Write) -> io::Result<()> {
    let mut archive = tar::Builder::new(target);
    append(&mut archive, "oci-layout", 0o644, LAYOUT)?;
    append(&mut archive, "index.json", 0o644, &serde_json::to_vec(index)?)?;
    for blob in blobs {
        archive.append_path_with_name(layout.join(blob_path(blob)), blob_path(blob))?;
    }
    archive.finish()
}

/// Where a layout keeps the blob of a digest.
fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

/// Writes an image of one file, `/program`, as an archive.
fn write_program(name: &str, program: &[u8], target: &mut dyn Write) -> io::Result<()> {
    let mut layer = tar::Builder::new(Vec::new());
    append(&mut layer, "program", 0o755, program)?;
    let layer = layer.into_inner()?;
    let config = json!({
        "architecture": oci_architecture(), "os": "linux",
        "config": { "Entrypoint": ["/program"], "User": "65535:65535" },
        "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
    });
    let config = config.to_string().into_bytes();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", &config),
        "layers": [descriptor("layer.v1.tar", &layer)],
    });
    let manifest = manifest.to_string().into_bytes();
    let mut entry = descriptor("manifest.v1+json", &manifest);
    if let Some(entry) = entry.as_object_mut() {
        entry.insert("annotations".to_owned(), json!({ NAME: name }));
    }
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });

    let mut archive = tar::Builder::new(target);
    append(&mut archive, "oci-layout", 0o644, LAYOUT)?;
    append(&mut archive, "index.json", 0o644, index.to_string().as_bytes())?;
    for blob in [&layer, &config, &manifest] {
        append(&mut archive, &blob_path(&digest(blob)), 0o644, blob)?;
    }
    archive.finish()
}

fn append<W: Write>(archive: &mut tar::Builder<W>, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    archive.append_data(&mut header, path, content)
}

fn descriptor(kind: &str, content: &[u8]) -> Value {
    let media_type = format!("application/vnd.oci.image.{kind}");
    json!({ "mediaType": media_type, "digest": digest(content), "size": content.len() })
}

fn digest(content: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(content)))
}

/// The machine's architecture, in Go's words.
fn oci_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and sizes in an archive.
    fn names(archive: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(archive);
        archive.entries().unwrap().map(|it| it.unwrap().path().unwrap().display().to_string()).collect()
    }

    #[test]
    fn an_image_of_one_program_comes_out_as_a_layout_again() {
        let mut archive = Vec::new();
        write_program("localhost/test:1", b"program", &mut archive).unwrap();
        let layout = tempfile::tempdir().unwrap();
        tar::Archive::new(archive.as_slice()).unpack(layout.path()).unwrap();
        let index: Index = serde_json::from_slice(&fs::read(layout.path().join("index.json")).unwrap()).unwrap();
        assert_eq!(index.manifests[0].name(), "localhost/test:1");

        let mut blobs = blobs_of(layout.path(), &index).unwrap();
        assert_eq!(blobs.len(), 3);
        // What the other side has is not sent.
        let known = blobs.pop_first().unwrap();
        let mut archive = Vec::new();
        write_layout(layout.path(), &index, &blobs, &mut archive).unwrap();
        let names = names(&archive);
        assert_eq!(names.len(), 4);
        assert!(!names.contains(&blob_path(&known)));
    }

    #[test]
    fn a_listing_gives_names_and_digests() {
        let line =
            "deis.local/deis/state:0.1.0 application/vnd.oci.image.manifest.v1+json sha256:aa 1.0 MiB linux/amd64 -";
        assert_eq!(name_and_digest(line), Some(("deis.local/deis/state:0.1.0", "sha256:aa")));
        assert_eq!(name_and_digest(""), None);
    }

    #[test]
    fn a_bare_tag_is_no_name() {
        let of = |name: &str| Descriptor {
            digest: String::new(),
            annotations: [(REFERENCE.to_owned(), name.to_owned())].into(),
            rest: BTreeMap::new(),
        };
        assert!(!is_full_reference(&of("latest")));
        assert!(is_full_reference(&of("deis.local/deis/state:0.1.0")));
    }
}
