//! Images that were built elsewhere, from a real registry to a real registry.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests assert by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod hostile;

use axum::http::StatusCode;
use common::{Builder, Cncf};
use deis_api::Code;
use deis_oci::{Compression, LayerPath, LayerWriter, Meta, Owner};
use deis_proto::builder::image_service_client::ImageServiceClient;
use deis_proto::builder::pull_image_event::Event;
use deis_proto::builder::{PullImageRequest, PulledImage};
use deis_rpc::Fault;
use serde_json::{Value, json};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nweb:x:1001:1001::/:/bin/sh\n";

/// A builder with a real registry of its own, and one more that images come from.
struct Site {
    builder: Builder,
    own: Cncf,
    source: Cncf,
}

impl Site {
    async fn start(source: Cncf) -> Self {
        Self::start_with(source, &[]).await
    }

    async fn start_with(source: Cncf, more: &[String]) -> Self {
        let own = Cncf::start().await;
        let mut arguments = own.arguments();
        arguments.push(format!("--pull-registries=http://{}", source.address));
        arguments.extend_from_slice(more);
        let builder = Builder::start_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
        Self { builder, own, source }
    }

    fn name(&self, image: &str) -> String {
        format!("{}/{image}", self.source.address)
    }

    /// Writes an image of two layers for a machine of that kind.
    async fn image(&self, tag: &str, architecture: &str, config: Value) -> String {
        let base = layer("etc/passwd", PASSWD);
        let top = layer("app/web", &"web".repeat(1000));
        let config = json!({ "os": "linux", "architecture": architecture, "config": config,
            "rootfs": { "type": "layers", "diff_ids": [] } });
        let config = serde_json::to_vec(&config).unwrap();
        let mut descriptors = Vec::new();
        for (media_type, blob) in [
            ("application/vnd.oci.image.config.v1+json", &config),
            ("application/vnd.oci.image.layer.v1.tar+gzip", &base),
            ("application/vnd.oci.image.layer.v1.tar+gzip", &top),
        ] {
            let digest = self.source.put_blob("team/web", blob).await;
            descriptors.push(json!({ "mediaType": media_type, "digest": digest, "size": blob.len() }));
        }
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST,
            "config": descriptors[0], "layers": descriptors[1..] });
        self.source.put_manifest("team/web", tag, &manifest).await
    }

    /// Pulls; the steps that were told, and the end.
    async fn pull(&self, request: PullImageRequest) -> (Vec<String>, Result<PulledImage, Fault>) {
        let mut client = ImageServiceClient::new(self.builder.connect_as("workflow"));
        let request = PullImageRequest { app: "app".to_owned(), ..request };
        let mut events = match client.pull_image(request).await {
            Ok(events) => events.into_inner(),
            Err(status) => return (Vec::new(), Err(Fault::from(&status))),
        };
        let mut steps = Vec::new();
        loop {
            match events.message().await {
                Ok(Some(event)) => match event.event.unwrap() {
                    Event::Step(step) => steps.push(step),
                    Event::Pulled(pulled) => return (steps, Ok(pulled)),
                },
                Ok(None) => unreachable!("the last event is missing after {steps:?}"),
                Err(status) => return (steps, Err(Fault::from(&status))),
            }
        }
    }

    /// What a refusal says. Nothing has been copied.
    async fn refusal(&self, request: PullImageRequest) -> (Code, String) {
        let (_, outcome) = self.pull(request).await;
        let fault = outcome.unwrap_err();
        assert_eq!(self.own.get("app/tags/list").await.0, StatusCode::NOT_FOUND, "something was copied");
        (fault.code, fault.message)
    }
}

fn layer(path: &str, content: &str) -> Vec<u8> {
    let mut layer = LayerWriter::new(Vec::new(), Compression::Gzip);
    let meta = Meta::file(Owner::ROOT, false);
    layer.file(&LayerPath::parse(path).unwrap(), meta, content.len() as u64, content.as_bytes()).unwrap();
    layer.finish().unwrap().1
}

fn image(image: impl Into<String>) -> PullImageRequest {
    PullImageRequest { image: image.into(), ..PullImageRequest::default() }
}

fn here() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

fn elsewhere() -> &'static str {
    if cfg!(target_arch = "aarch64") { "amd64" } else { "arm64" }
}

#[tokio::test]
async fn an_image_is_copied_by_tag_and_by_digest() {
    let site = Site::start(Cncf::open().await).await;
    let config = json!({ "User": "1000:1000", "ExposedPorts": { "9000/tcp": {}, "8080/tcp": {} },
        "Entrypoint": ["/app/web"], "Cmd": ["--port", "8080"] });
    let digest = site.image("1.2", here(), config).await;
    let expected = PulledImage {
        image: format!("127.0.0.1:5555/app@{digest}"),
        source_digest: digest.clone(),
        user: 1000,
        exposed_port: 8080,
        entrypoint: vec!["/app/web".to_owned()],
        command: vec!["--port".to_owned(), "8080".to_owned()],
    };
    let (steps, pulled) = site.pull(image(site.name("team/web:1.2"))).await;
    assert_eq!(pulled.unwrap(), expected);
    let step = |text: &str| text.to_owned();
    assert_eq!(
        steps,
        [
            format!("looking for {}", site.name("team/web:1.2")),
            step("copying 1 of 2 layers, 0 of 1 MiB"),
            step("copying 2 of 2 layers, 1 of 1 MiB"),
        ]
    );
    // The manifest is the very same, and all that it names is there.
    let (status, manifest) = site.own.get(&format!("app/manifests/{digest}")).await;
    assert_eq!((status, &manifest), (StatusCode::OK, &site.source.get("team/web/manifests/1.2").await.1));
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    for blob in manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]) {
        let path = blob["digest"].as_str().unwrap();
        let (status, bytes) = site.own.get(&format!("app/blobs/{path}")).await;
        assert_eq!((status, bytes.len() as u64), (StatusCode::OK, blob["size"].as_u64().unwrap()));
    }
    // What is there is not copied again; without EXPOSE there is no port.
    let (steps, pulled) = site.pull(image(site.name(&format!("team/web@{digest}")))).await;
    assert_eq!((steps.len(), pulled.unwrap()), (1, expected));
    site.image("silent", here(), json!({ "User": "1000" })).await;
    let pulled = site.pull(image(site.name("team/web:silent"))).await.1.unwrap();
    assert_eq!((pulled.exposed_port, pulled.entrypoint.len(), pulled.command.len()), (0, 0, 0));
}

#[tokio::test]
async fn credentials_are_presented_and_needed() {
    let site = Site::start(Cncf::start().await).await;
    site.image("latest", here(), json!({ "User": "1000" })).await;
    let name = site.name("team/web");
    let with = |username: &str, password: &str| PullImageRequest {
        username: username.to_owned(),
        password: password.to_owned(),
        ..image(name.as_str())
    };
    let denied = (Code::PermissionDenied, format!("Permission Denied attempting to pull image {name}:latest"));
    assert_eq!(site.refusal(image(name.as_str())).await, denied);
    assert_eq!(site.refusal(with("builder", "wrong")).await, denied);
    let half = (Code::InvalidArgument, "Registry auth requires a username and a password".to_owned());
    assert_eq!(site.refusal(with("builder", "")).await, half);
    assert_eq!(site.refusal(with("", "registry-password")).await, half);
    assert_eq!(site.pull(with("builder", "registry-password")).await.1.unwrap().user, 1000);
}

#[tokio::test]
async fn the_image_for_these_machines_is_chosen_from_an_index() {
    let site = Site::start(Cncf::open().await).await;
    let theirs = site.image("theirs", elsewhere(), json!({ "User": "1" })).await;
    let ours = site.image("ours", here(), json!({ "User": "2" })).await;
    let entry = |digest: &str, architecture: &str| {
        let size = 1000;
        json!({ "mediaType": MANIFEST, "digest": digest, "size": size, "platform": { "os": "linux", "architecture": architecture } })
    };
    let index = |entries: Value| json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
    let both = index(json!([entry(&theirs, elsewhere()), entry(&ours, here())]));
    let both = site.source.put_manifest("team/web", "both", &both).await;
    let only = index(json!([entry(&theirs, elsewhere()), entry(&theirs, "s390x")]));
    site.source.put_manifest("team/web", "only-theirs", &only).await;

    let others = format!("linux/{}, linux/s390x", elsewhere());
    for (tag, kinds) in [("only-theirs", others), ("theirs", format!("linux/{}", elsewhere()))] {
        let name = site.name(&format!("team/web:{tag}"));
        let sentence = format!(
            "{name} is built for {kinds}, but the nodes here are linux/{here}. Build it for linux/{here} as well.",
            here = here()
        );
        assert_eq!(site.refusal(image(name)).await, (Code::WrongArchitecture, sentence));
    }
    let pulled = site.pull(image(site.name("team/web:both"))).await.1.unwrap();
    assert_eq!((pulled.user, pulled.source_digest), (2, both));
    assert_eq!(pulled.image, format!("127.0.0.1:5555/app@{ours}"));
}

#[tokio::test]
async fn the_user_is_a_number_and_root_needs_leave() {
    let site = Site::start(Cncf::open().await).await;
    for (number, (user, says)) in [
        (json!({}), "names no user"),
        (json!({ "User": "0" }), "runs as 0"),
        (json!({ "User": "root:web" }), "runs as root:web"),
        (json!({ "User": "00" }), "runs as 00"),
    ]
    .into_iter()
    .enumerate()
    {
        let tag = format!("root-{number}");
        site.image(&tag, here(), user).await;
        let name = site.name(&format!("team/web:{tag}"));
        let sentence = format!(
            "{name} {says}, so it would run as root. Add a line such as USER 1000 to its Dockerfile, or ask an \
             administrator to allow root for this app: deis apps:allow-root"
        );
        assert_eq!(site.refusal(image(name)).await, (Code::RootRefused, sentence));
    }
    site.image("stranger", here(), json!({ "User": "nobody" })).await;
    let (code, sentence) = site.refusal(image(site.name("team/web:stranger"))).await;
    let expected = "The image runs as the user \"nobody\", but its /etc/passwd has no such user. Name its number instead: USER 1000.";
    assert_eq!((code, sentence.as_str()), (Code::FailedPrecondition, expected));

    let leave = PullImageRequest { allow_root: true, ..image(site.name("team/web:root-0")) };
    assert_eq!(site.pull(leave).await.1.unwrap().user, 0);
    // A name stands in the lower of the two layers.
    site.image("named", here(), json!({ "User": "web" })).await;
    assert_eq!(site.pull(image(site.name("team/web:named"))).await.1.unwrap().user, 1001);
}

#[tokio::test]
async fn what_is_not_there_reserved_or_too_big() {
    let site = Site::start_with(Cncf::open().await, &["--max-pull-bytes=100".to_owned()]).await;
    site.image("1", here(), json!({ "User": "1000" })).await;
    let name = site.name("team/web:1");
    assert_eq!(site.refusal(image(name)).await, (Code::TooLarge, "An image may have at most 0 MiB.".to_owned()));
    let name = site.name("team/web:gone");
    let sentence = format!("Cannot pull: image {name} not found. Check its name and tag.");
    assert_eq!(site.refusal(image(name)).await, (Code::NotFound, sentence));
    let sentence = "Repository name quay.io/deis/builder is not allowed, as it is reserved by Deis".to_owned();
    assert_eq!(site.refusal(image("quay.io/deis/builder:v2")).await, (Code::PermissionDenied, sentence));
    assert_eq!(site.refusal(image("a b")).await.0, Code::InvalidArgument);
}

#[tokio::test]
async fn the_platforms_own_registry_has_no_name_here() {
    let site = Site::start(Cncf::open().await).await;
    // Somebody else's image, and the builder could read it.
    let secret = site.own.put_blob("shop", b"{}").await;
    let own = site.own.address.to_string();
    let port = site.own.address.port();
    let std::net::IpAddr::V4(address) = site.own.address.ip() else { unreachable!() };
    let number = u32::from(address);
    for registry in [
        own,
        format!("{number}:{port}"),
        format!("{number:#x}:{port}"),
        format!("localhost:{port}"),
        "127.0.0.1:5555".to_owned(),
        "localhost:5555".to_owned(),
        "deis-registry:5000".to_owned(),
        "deis-registry.deis.svc:5000".to_owned(),
        "deis-registry.deis.svc.cluster.local:5000".to_owned(),
        "10.96.0.20:5000".to_owned(),
        "169.254.169.254".to_owned(),
    ] {
        let (code, sentence) = site.refusal(image(format!("{registry}/shop@{secret}"))).await;
        assert_eq!(code, Code::PermissionDenied, "{registry}: {sentence}");
        assert!(sentence.contains("cannot be pulled: its registry may not be asked, "), "{registry}: {sentence}");
    }
    // IPv6 addresses are no names of registries at all.
    assert_eq!(site.refusal(image("[::1]:5555/shop")).await.0, Code::InvalidArgument);
}
