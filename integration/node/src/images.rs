//! Images for the node's containerd, without a Docker engine: OCI layouts and archives go in as one stream.
//!
//! An image's name is the annotation `io.containerd.image.name` of its entry in `index.json`, or
//! `org.opencontainers.image.ref.name` if that is a full reference (`deis.local/deis/workflow:0.1.0`).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::exec;

/// The name of the image that holds every pod's namespaces; `config/containerd.toml` asks for it.
pub const PAUSE_IMAGE: &str = "localhost/pause:1";
const NAME: &str = "io.containerd.image.name";
const REFERENCE: &str = "org.opencontainers.image.ref.name";

/// The node's containerd, reached through the mount namespace of one of its processes.
pub struct Containerd {
    namespace: String,
}

/// The part of `index.json` that says what a layout holds.
#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
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
        let index: Index =
            serde_json::from_slice(&fs::read(layout.join("index.json"))?).context("reading index.json")?;
        let named = index.manifests.iter().all(|it| it.annotations.contains_key(NAME) || is_full_reference(it));
        ensure!(named && !index.manifests.is_empty(), "index.json names no image: annotation {NAME} or {REFERENCE}");

        let images = exec::output("nsenter", &self.ctr(&["images", "ls"])).await?;
        let present: BTreeSet<(&str, &str)> = images.lines().filter_map(name_and_digest).collect();
        if index.manifests.iter().all(|it| present.contains(&(it.name(), it.digest.as_str()))) {
            return Ok(false);
        }
        let blobs = exec::output("nsenter", &self.ctr(&["content", "ls", "-q"])).await?;
        let blobs: BTreeSet<&str> = blobs.lines().collect();
        self.import(|target| write_layout(layout, &blobs, target))?;
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

/// Writes a layout folder as an archive, without the blobs in `present`.
fn write_layout(layout: &Path, present: &BTreeSet<&str>, target: &mut dyn Write) -> io::Result<()> {
    let mut archive = tar::Builder::new(target);
    for name in ["oci-layout", "index.json"] {
        archive.append_path_with_name(layout.join(name), name)?;
    }
    for blob in fs::read_dir(layout.join("blobs/sha256"))? {
        let blob = blob?;
        let digest = blob.file_name().to_string_lossy().into_owned();
        if !present.contains(format!("sha256:{digest}").as_str()) {
            archive.append_path_with_name(blob.path(), format!("blobs/sha256/{digest}"))?;
        }
    }
    archive.finish()
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
    append(&mut archive, "oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    append(&mut archive, "index.json", 0o644, index.to_string().as_bytes())?;
    for blob in [&layer, &config, &manifest] {
        append(&mut archive, &format!("blobs/{}", digest(blob).replace(':', "/")), 0o644, blob)?;
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
    fn known_blobs_are_not_sent_again() {
        let layout = tempfile::tempdir().unwrap();
        fs::create_dir_all(layout.path().join("blobs/sha256")).unwrap();
        for name in ["oci-layout", "index.json", "blobs/sha256/aa", "blobs/sha256/bb"] {
            fs::write(layout.path().join(name), name).unwrap();
        }
        let mut archive = Vec::new();
        write_layout(layout.path(), &BTreeSet::from(["sha256:aa"]), &mut archive).unwrap();
        assert_eq!(names(&archive), ["oci-layout", "index.json", "blobs/sha256/bb"]);
    }

    #[test]
    fn an_image_of_one_program_is_a_complete_layout() {
        let mut archive = Vec::new();
        write_program("localhost/test:1", b"program", &mut archive).unwrap();
        let mut again = Vec::new();
        write_program("localhost/test:1", b"program", &mut again).unwrap();
        assert_eq!(archive, again);
        let names = names(&archive);
        assert_eq!(names.len(), 5);
        assert_eq!(names.iter().filter(|name| name.starts_with("blobs/sha256/")).count(), 3);
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
        };
        assert!(!is_full_reference(&of("latest")));
        assert!(is_full_reference(&of("deis.local/deis/state:0.1.0")));
    }
}
