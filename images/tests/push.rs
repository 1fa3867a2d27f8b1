//! Pushing to a registry, with one that notes what it is asked.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use assert_cmd::Command;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use deis_oci::{Compression, Digest, ImageBuilder, LayerPath, Layout, Meta, Owner, Tree};
use parking_lot::Mutex;

/// A registry of the distribution specification, as far as pushes go.
#[derive(Clone, Default)]
struct Registry(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    /// Repository and digest.
    blobs: BTreeSet<(String, String)>,
    manifests: BTreeMap<String, Bytes>,
    uploads: usize,
    mounts: usize,
}

impl Registry {
    async fn answer(State(registry): State<Self>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let query: BTreeMap<String, String> = parts
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.replace("%3A", ":").replace("%2F", "/")))
            .collect();
        let path = parts.uri.path().trim_start_matches("/v2/").to_owned();
        let mut content = Vec::new();
        let mut frames = body.into_data_stream();
        while let Some(frame) = futures_util::StreamExt::next(&mut frames).await {
            content.extend_from_slice(&frame.unwrap());
        }
        registry.0.lock().handle(&parts.method, &path, &query, content)
    }
}

impl Content {
    fn handle(&mut self, method: &Method, path: &str, query: &BTreeMap<String, String>, body: Vec<u8>) -> Response {
        let created = (StatusCode::CREATED, [(header::LOCATION, format!("/v2/{path}"))]);
        if let Some((repository, reference)) = path.split_once("/manifests/") {
            self.manifests.insert(format!("{repository}:{reference}"), body.into());
            return created.into_response();
        }
        let Some((repository, rest)) = path.split_once("/blobs/") else { return StatusCode::OK.into_response() };
        let blob = |digest: &str| (repository.to_owned(), digest.to_owned());
        match (method, query.get("mount"), query.get("digest")) {
            (&Method::HEAD, _, _) if self.blobs.contains(&blob(rest)) => StatusCode::OK.into_response(),
            (&Method::HEAD, _, _) => StatusCode::NOT_FOUND.into_response(),
            (&Method::POST, Some(digest), _) => {
                assert!(self.blobs.contains(&(query["from"].clone(), digest.clone())), "nothing to mount");
                self.mounts += 1;
                self.blobs.insert(blob(digest));
                created.into_response()
            }
            (&Method::PUT, _, Some(digest)) => {
                assert_eq!(Digest::of(&body).to_string(), *digest);
                self.uploads += 1;
                self.blobs.insert(blob(digest));
                created.into_response()
            }
            _ => (StatusCode::ACCEPTED, [(header::LOCATION, format!("/v2/{path}"))]).into_response(),
        }
    }
}

/// Two images on one base layer.
fn layout(folder: &Path) -> Layout {
    let layout = Layout::create(folder).unwrap();
    let layer = |content: &str| {
        let mut tree = Tree::new();
        tree.file(LayerPath::parse("file").unwrap(), Meta::file(Owner::ROOT, false), content);
        let (layer, blob) = tree.write(Compression::None, layout.writer().unwrap()).unwrap();
        blob.commit(&layer).unwrap();
        layer
    };
    let base = layer("base");
    for name in ["registry-proxy", "state"] {
        let image = ImageBuilder::new().layer(base, "base").layer(layer(name), name).build().unwrap();
        layout.add(&image, &format!("deis.local/deis/{name}:1")).unwrap();
        layout.add(&image, &deis_images::names::release(name)).unwrap();
    }
    layout
}

/// Runs `work` beside a registry.
fn beside(registry: &Registry, work: impl FnOnce(SocketAddr)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (done, stop) = tokio::sync::oneshot::channel::<()>();
    let app = Router::new().fallback(Registry::answer).with_state(registry.clone());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let until = async { drop(stop.await) };
            runtime.block_on(async { axum::serve(listener, app).with_graceful_shutdown(until).await.unwrap() });
        });
        // Moved in, so that the server ends also when an assertion fails.
        let _done = done;
        work(address);
    });
}

fn push(layout: &Layout, address: SocketAddr) -> String {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("deis-images"));
    command.args(["push", "--plain-http", "--registry", &format!("{address}/mirror"), "--from"]).arg(layout.root());
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

#[test]
fn every_blob_is_sent_once() {
    let folder = tempfile::tempdir().unwrap();
    let layout = layout(folder.path());
    let registry = Registry::default();
    beside(&registry, |address| {
        let names = push(&layout, address);
        assert_eq!(names, format!("{address}/mirror/deis/registry-proxy:1\n{address}/mirror/deis/state:1\n"));
        let values = std::fs::read_to_string(folder.path().join("pushed.yaml")).unwrap();
        assert!(values.contains(&format!("registryProxy: \"{address}/mirror/deis/registry-proxy:1\"")), "{values}");

        let content = registry.0.lock();
        assert_eq!((content.uploads, content.mounts), (5, 1), "base, two layers, two configs; the base once more");
        let digest = layout.image("deis.local/deis/state:1").unwrap().digest();
        assert_eq!(Digest::of(&content.manifests["mirror/deis/state:1"]), digest);
        assert_eq!(content.manifests.len(), 2, "the name of the release stays here");
        drop(content);

        push(&layout, address);
        let content = registry.0.lock();
        assert_eq!((content.uploads, content.mounts), (5, 1), "the second time there is nothing to send");
    });
}
