//! Indexes, manifests and configs, of OCI and of Docker (image-spec "Image Index", "Image Manifest", "Image Configuration").
//! They are read only as far as we have to know them; what is stored is the very bytes that came.

use std::collections::BTreeMap;

use deis_api::Code;
use deis_oci::Digest;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::refused;
use crate::Error;

const MANIFESTS: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

const MAX_LAYERS: usize = 256;

/// What is asked for.
pub(super) fn accepted() -> String {
    [MANIFESTS, INDEXES].concat().join(", ")
}

/// A document as it came.
pub(super) struct Found {
    pub(super) bytes: Vec<u8>,
    pub(super) media_type: String,
}

pub(super) enum Document {
    Manifest(Manifest),
    Index(Index),
}

/// A blob that a manifest names.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob {
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// An image's manifest.
pub(super) struct Manifest {
    found: Found,
    fields: ManifestFields,
}

#[derive(Deserialize)]
struct ManifestFields {
    config: Blob,
    layers: Vec<Blob>,
}

/// Manifests for several platforms.
#[derive(Deserialize)]
pub(super) struct Index {
    manifests: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    digest: Digest,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
}

impl Document {
    pub(super) fn parse(found: Found) -> Result<Self, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Kind {
            media_type: Option<String>,
        }
        // The document's own word counts; an old one has none.
        let kind: Kind = decode(&found.bytes, "manifest")?;
        let media_type = kind.media_type.unwrap_or_else(|| found.media_type.clone());
        let found = Found { media_type, ..found };
        if INDEXES.contains(&found.media_type.as_str()) {
            return Ok(Self::Index(decode(&found.bytes, "index")?));
        }
        if !MANIFESTS.contains(&found.media_type.as_str()) {
            let message = format!("The image is of a kind that is not run here: {}.", plain(&found.media_type));
            return Err(refused(Code::ImagePullFailed, message));
        }
        let fields: ManifestFields = decode(&found.bytes, "manifest")?;
        if fields.layers.len() > MAX_LAYERS {
            return Err(refused(Code::TooLarge, format!("An image may have at most {MAX_LAYERS} layers.")));
        }
        if fields.layers.iter().any(|layer| layer.media_type.contains("foreign")) {
            return Err(refused(
                Code::ImagePullFailed,
                "The image has layers that only another registry may hand out.",
            ));
        }
        Ok(Self::Manifest(Manifest { found, fields }))
    }
}

impl Manifest {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.found.bytes
    }

    pub(super) fn media_type(&self) -> &str {
        &self.found.media_type
    }

    pub(super) fn config(&self) -> &Blob {
        &self.fields.config
    }

    /// The lowest first.
    pub(super) fn layers(&self) -> &[Blob] {
        &self.fields.layers
    }
}

impl Index {
    /// The manifest for machines like this one.
    pub(super) fn for_here(&self) -> Option<&Digest> {
        let here = here();
        let is_here = |entry: &&Entry| entry.platform.as_ref().is_some_and(|platform| platform.text() == here);
        self.manifests.iter().find(is_here).map(|entry| &entry.digest)
    }

    /// All platforms, for people; attestations ("unknown/unknown") are none.
    pub(super) fn platforms(&self) -> Vec<String> {
        let texts = self.manifests.iter().filter_map(|entry| Some(plain(&entry.platform.as_ref()?.text())));
        let mut texts = texts.filter(|text| !text.starts_with("unknown/")).take(20).collect::<Vec<_>>();
        texts.sort();
        texts.dedup();
        texts
    }
}

impl Platform {
    fn text(&self) -> String {
        format!("{}/{}", self.os, self.architecture)
    }
}

/// "linux/amd64": what the nodes run, which is what this program was built for.
pub(super) fn here() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("linux/{architecture}")
}

/// How an image wants to be run.
#[derive(Debug)]
pub(super) struct Config {
    os: String,
    architecture: String,
    /// A name or a number, perhaps with a group; empty for root.
    pub(super) user: String,
    ports: Vec<u16>,
    pub(super) entrypoint: Vec<String>,
    pub(super) command: Vec<String>,
}

#[derive(Deserialize)]
struct ConfigFile {
    os: String,
    architecture: String,
    config: Option<RunConfig>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RunConfig {
    user: Option<String>,
    exposed_ports: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
}

impl Config {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let ConfigFile { os, architecture, config } = decode(bytes, "configuration")?;
        let config = config.unwrap_or_default();
        // "8080/tcp", or "8080" for the same.
        let port = |text: &String| match text.split_once('/') {
            Some((port, "tcp")) => port.parse().ok(),
            Some(_) => None,
            None => text.parse().ok(),
        };
        let mut ports = config.exposed_ports.unwrap_or_default().keys().filter_map(port).collect::<Vec<u16>>();
        ports.retain(|port| *port != 0);
        ports.sort_unstable();
        Ok(Self {
            os,
            architecture,
            user: plain(config.user.unwrap_or_default().trim()),
            ports,
            entrypoint: config.entrypoint.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
        })
    }

    /// "linux/amd64".
    pub(super) fn platform(&self) -> String {
        plain(&format!("{}/{}", self.os, self.architecture))
    }

    /// The first port of EXPOSE. The file has them without order: the lowest.
    pub(super) fn first_port(&self) -> Option<u16> {
        self.ports.first().copied()
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8], document: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| refused(Code::ImagePullFailed, format!("The image's {document} cannot be read: {error}.")))
}

/// Text of somebody's image, for a terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_an_image_wants_to_be_run() {
        let parse = |config: &str| {
            Config::parse(format!("{{\"os\":\"linux\",\"architecture\":\"arm64\",\"config\":{config}}}").as_bytes())
        };
        let config = parse(
            r#"{"User":"web:www","ExposedPorts":{"9000/tcp":{},"53/udp":{},"8080/tcp":{},"x":{}},"Entrypoint":["/run"],"Cmd":null}"#,
        )
        .unwrap();
        assert_eq!((config.platform().as_str(), config.user.as_str()), ("linux/arm64", "web:www"));
        assert_eq!((config.first_port(), config.entrypoint.len(), config.command.len()), (Some(8080), 1, 0));
        for empty in ["{}", "null", r#"{"ExposedPorts":null,"User":null}"#] {
            let config = parse(empty).unwrap();
            assert_eq!((config.first_port(), config.user.as_str()), (None, ""));
        }
        assert!(Config::parse(b"[]").is_err());
    }
}
