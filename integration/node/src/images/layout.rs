//! OCI image layouts: what is in one, and how a part of one becomes an archive.
//!
//! An image's name is the annotation `io.containerd.image.name` of its entry in `index.json`, or
//! `org.opencontainers.image.ref.name` if that is a full reference (`deis.local/deis/workflow:0.1.0`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const NAME: &str = "io.containerd.image.name";
const REFERENCE: &str = "org.opencontainers.image.ref.name";
/// The content of `oci-layout`.
const MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// `index.json`: the images of a layout.
#[derive(Deserialize, Serialize)]
pub(super) struct Index {
    #[serde(rename = "schemaVersion")]
    version: u8,
    pub(super) manifests: Vec<Descriptor>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Descriptor {
    pub(super) digest: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    /// Type and size, as they came.
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// What an image consists of, besides its manifest.
#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

impl Index {
    /// Reads the index of a layout folder.
    ///
    /// # Errors
    /// When it lists no image, or one without a name.
    pub(super) fn read(layout: &Path) -> Result<Self> {
        let index = fs::read(layout.join("index.json")).context("reading index.json")?;
        let index: Self = serde_json::from_slice(&index).context("reading index.json")?;
        let named = index.manifests.iter().all(|it| it.annotations.contains_key(NAME) || it.is_full_reference());
        ensure!(named && !index.manifests.is_empty(), "index.json names no image: annotation {NAME} or {REFERENCE}");
        Ok(index)
    }

    /// The digests of everything that the images consist of.
    pub(super) fn blobs(&self, layout: &Path) -> Result<BTreeSet<String>> {
        let mut blobs = BTreeSet::new();
        for image in &self.manifests {
            let manifest = fs::read(layout.join(blob_path(&image.digest)));
            let manifest = manifest.with_context(|| format!("reading the manifest of {}", image.name()))?;
            let manifest: Manifest = serde_json::from_slice(&manifest)?;
            blobs.insert(image.digest.clone());
            blobs.insert(manifest.config.digest);
            blobs.extend(manifest.layers.into_iter().map(|layer| layer.digest));
        }
        Ok(blobs)
    }

    /// Writes an archive with these images and those of their blobs that are wanted.
    pub(super) fn write(&self, layout: &Path, blobs: &BTreeSet<String>, target: &mut dyn Write) -> io::Result<()> {
        let mut archive = tar::Builder::new(target);
        append(&mut archive, "oci-layout", 0o644, MARKER)?;
        append(&mut archive, "index.json", 0o644, &serde_json::to_vec(self)?)?;
        for blob in blobs {
            archive.append_path_with_name(layout.join(blob_path(blob)), blob_path(blob))?;
        }
        archive.finish()
    }
}

impl Descriptor {
    /// The image's name.
    pub(super) fn name(&self) -> &str {
        self.annotations.get(NAME).or_else(|| self.annotations.get(REFERENCE)).map_or("", String::as_str)
    }

    /// containerd invents a name for a bare tag; that would never be found again.
    fn is_full_reference(&self) -> bool {
        self.annotations.get(REFERENCE).is_some_and(|name| name.contains(['/', ':', '@']))
    }
}

/// Where a layout keeps the blob of a digest.
fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

/// Writes an image of one file, `/program`, as an archive.
pub(super) fn write_program(name: &str, program: &[u8], target: &mut dyn Write) -> io::Result<()> {
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
    append(&mut archive, "oci-layout", 0o644, MARKER)?;
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
        let index = Index::read(layout.path()).unwrap();
        assert_eq!(index.manifests[0].name(), "localhost/test:1");

        let mut blobs = index.blobs(layout.path()).unwrap();
        assert_eq!(blobs.len(), 3);
        // What the other side has is not sent.
        let known = blobs.pop_first().unwrap();
        let mut archive = Vec::new();
        index.write(layout.path(), &blobs, &mut archive).unwrap();
        let names = names(&archive);
        assert_eq!(names.len(), 4);
        assert!(!names.contains(&blob_path(&known)));
    }

    /// Each is an image to containerd, and the bytes go once.
    #[test]
    fn one_manifest_may_have_two_names() {
        let layout = tempfile::tempdir().unwrap();
        let mut archive = Vec::new();
        write_program("localhost/test:1", b"program", &mut archive).unwrap();
        tar::Archive::new(archive.as_slice()).unpack(layout.path()).unwrap();
        let file = layout.path().join("index.json");
        let mut index: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let mut second = index["manifests"][0].clone();
        second["annotations"] = json!({ NAME: "localhost/test:2" });
        index["manifests"].as_array_mut().unwrap().push(second);
        fs::write(&file, index.to_string()).unwrap();

        let index = Index::read(layout.path()).unwrap();
        assert_eq!(
            index.manifests.iter().map(Descriptor::name).collect::<Vec<_>>(),
            ["localhost/test:1", "localhost/test:2"]
        );
        let blobs = index.blobs(layout.path()).unwrap();
        let mut archive = Vec::new();
        index.write(layout.path(), &blobs, &mut archive).unwrap();
        assert_eq!(names(&archive).len(), 2 + 3, "the layout's two files and three blobs");
    }

    #[test]
    fn a_bare_tag_is_no_name() {
        let of = |name: &str| Descriptor {
            digest: String::new(),
            annotations: [(REFERENCE.to_owned(), name.to_owned())].into(),
            rest: BTreeMap::new(),
        };
        assert!(!of("latest").is_full_reference());
        assert!(of("deis.local/deis/state:0.1.0").is_full_reference());
    }
}
