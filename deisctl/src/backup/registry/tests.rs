use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Child;

use super::*;
use crate::backup::archive::{Archive, Writer};
use crate::backup::manifest::{Image, Manifest, tests::example};
use crate::backup::place::Place;
use crate::backup::{make, restore};

/// bcrypt of "registry-password" at the lowest cost.
const HTPASSWD: &str = "builder:$2b$05$abcdefghijklmnopqrstuux7DVfxfgfXTmp/9Tsk6HzX2QQGjxePG\n";

/// A real CNCF registry; gone with its handle.
struct Cncf {
    _folder: tempfile::TempDir,
    _process: Child,
    registry: Registry,
}

impl Cncf {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let config = format!(
            "version: 0.1\nlog: {{ level: info }}\nstorage: {{ filesystem: {{ rootdirectory: {} }} }}\n\
             http: {{ addr: \"127.0.0.1:0\" }}\nauth: {{ htpasswd: {{ realm: registry, path: {} }} }}\n",
            path("data").display(),
            path("htpasswd").display(),
        );
        std::fs::write(path("config.yml"), config).unwrap();
        std::fs::write(path("htpasswd"), HTPASSWD).unwrap();
        let programs = std::env::var_os("DEIS_UPSTREAM").expect("run `make test`");
        #[expect(clippy::disallowed_methods, reason = "a test fixture: fixed program, no user's text")]
        let mut command = tokio::process::Command::new(std::path::Path::new(&programs).join("registry"));
        command.arg("serve").arg(path("config.yml")).env_clear().env("OTEL_TRACES_EXPORTER", "none");
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let address = listens(&mut process).await;
        let login = BASE64_STANDARD.encode("builder:registry-password");
        let authorization = HeaderValue::try_from(format!("Basic {login}")).unwrap();
        let registry = Registry::new(Tunnels::Local(address), authorization);
        Self { _folder: folder, _process: process, registry }
    }

    async fn blob(&self, repository: &str, content: &[u8]) -> String {
        let digest = digest(content);
        if let Upload::Wanted(location) = self.registry.offer(repository, &digest, None).await.unwrap() {
            let bytes = Box::pin(std::io::Cursor::new(content.to_vec()));
            self.registry.send_blob(&location, &digest, content.len() as u64, bytes).await.unwrap();
        }
        digest
    }

    /// An image of one layer, tagged as the builder does.
    async fn image(&self, repository: &str, layer: &[u8]) -> String {
        let config = format!("{{\"of\":\"{repository}\"}}").into_bytes();
        let media = "application/vnd.oci.image.manifest.v1+json";
        let descriptor = |media: &str, digest: String, content: &[u8]| json!({ "mediaType": media, "digest": digest, "size": content.len() });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media,
            "config": descriptor("application/vnd.oci.image.config.v1+json", self.blob(repository, &config).await, &config),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", self.blob(repository, layer).await, layer)],
        });
        self.manifest(repository, media, manifest.to_string().into_bytes()).await
    }

    async fn manifest(&self, repository: &str, media: &str, bytes: Vec<u8>) -> String {
        let digest = digest(&bytes);
        let image = Image {
            repository: repository.to_owned(),
            tag: digest.strip_prefix("sha256:").map(str::to_owned),
            digest: digest.clone(),
            media_type: media.to_owned(),
            blobs: Vec::new(),
            manifests: Vec::new(),
        };
        self.registry.send_manifest(&image, bytes).await.unwrap();
        digest
    }

    async fn content(&self, repository: &str, digest: &str) -> Vec<u8> {
        let mut content = Vec::new();
        self.registry.blob(repository, digest).await.unwrap().unwrap().read_to_end(&mut content).await.unwrap();
        content
    }
}

async fn listens(process: &mut Child) -> SocketAddr {
    let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
    let address = loop {
        let line = log.next_line().await.unwrap().expect("the registry ended instead of listening");
        let words = line.split_once("listening on ").map(|(_, rest)| rest);
        if let Some(address) = words.and_then(|rest| rest.split(['"', ' ']).next()) {
            break address.parse().unwrap();
        }
    };
    #[expect(clippy::disallowed_methods, reason = "a test fixture: the pipe must not fill up")]
    tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
    address
}

fn digest(content: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(content)))
}

#[tokio::test]
async fn images_are_the_same_in_another_registry() {
    let old = Cncf::start().await;
    // More than one buffer, and shared.
    let layer = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>();
    old.image("one", &layer).await;
    old.image("two", &layer).await;
    let part = old.image("three", b"a small layer").await;
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": part, "size": 401 }],
    });
    old.manifest("three", "application/vnd.oci.image.index.v1+json", index.to_string().into_bytes()).await;
    assert_eq!(old.registry.tags("nobody").await.unwrap(), [""; 0]);

    let folder = tempfile::tempdir().unwrap();
    let place = Place::parse(folder.path().to_str().unwrap(), true).unwrap().child("backup");
    let mut writer = Writer::begin(place.clone()).await.unwrap();
    let (mut images, mut notices) = (Vec::new(), Vec::new());
    for repository in old.registry.repositories().await.unwrap() {
        for tag in old.registry.tags(&repository).await.unwrap() {
            images.extend(make::image(&old.registry, &repository, &tag, &mut writer, &mut notices).await.unwrap());
        }
    }
    assert_eq!(notices, [""; 0]);
    let blobs = writer.files().keys().filter(|path| path.starts_with("registry/blobs/")).count();
    assert_eq!((images.len(), blobs), (5, 5), "the shared layer once: {images:#?}");
    writer.finish(Manifest { images, ..example() }).await.unwrap();

    let archive = Archive::open(place).await.unwrap();
    archive.check().await.unwrap();
    let new = Cncf::start().await;
    let mut holders = BTreeMap::new();
    // The second time there is nothing to send.
    for _ in 0..2 {
        for image in &archive.manifest.images {
            restore::push(&new.registry, &archive, image, &mut holders, &mut notices).await.unwrap();
        }
    }
    assert_eq!(notices, [""; 0]);
    for repository in ["one", "two", "three"] {
        let mut tags = new.registry.tags(repository).await.unwrap();
        tags.sort();
        let mut wanted = old.registry.tags(repository).await.unwrap();
        wanted.sort();
        assert_eq!(tags, wanted);
        for tag in tags {
            let of = async |cncf: &Cncf| cncf.registry.manifest(repository, &tag).await.unwrap().unwrap();
            assert_eq!(of(&new).await, of(&old).await);
        }
    }
    assert!(new.content("two", &digest(&layer)).await == layer);
}

#[tokio::test]
async fn what_is_gone_or_refused_is_told() {
    let cncf = Cncf::start().await;
    assert!(cncf.registry.manifest("one", "latest").await.unwrap().is_none());
    assert!(cncf.registry.blob("one", &digest(b"x")).await.unwrap().is_none());

    let wanted = digest(b"what it should be");
    let Upload::Wanted(location) = cncf.registry.offer("one", &wanted, None).await.unwrap() else {
        panic!("not there")
    };
    let refused = cncf.registry.send_blob(&location, &wanted, 7, Box::pin(std::io::Cursor::new(b"another"))).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("with 400 Bad Request"), "{refused}");
}
