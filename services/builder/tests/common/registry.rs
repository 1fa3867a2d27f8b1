//! A registry in memory: as much of the OCI distribution specification as a push needs.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use deis_bootstrap::Context;
use deis_oci::Digest;
use parking_lot::Mutex;
use tokio::net::TcpListener;

pub(crate) const PASSWORD: &str = "secret";

/// "builder:secret".
const AUTHORIZATION: &str = "Basic YnVpbGRlcjpzZWNyZXQ=";

#[derive(Default)]
pub(crate) struct Content {
    pub(crate) blobs: HashMap<String, Vec<u8>>,
    /// Repository and digest.
    pub(crate) linked: HashSet<(String, String)>,
    pub(crate) manifests: HashMap<(String, String), Vec<u8>>,
    /// Uploads that were begun.
    pub(crate) uploads: usize,
}

pub(crate) struct FakeRegistry {
    pub(crate) address: SocketAddr,
    pub(crate) content: Arc<Mutex<Content>>,
}

impl FakeRegistry {
    pub(crate) async fn start(context: &Context) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let content = Arc::new(Mutex::new(Content::default()));
        let app = Router::new().fallback(serve).with_state(Arc::clone(&content));
        let ended = context.shutdown.clone().cancelled_owned();
        let server = axum::serve(listener, app).with_graceful_shutdown(ended);
        drop(context.tasks.spawn("fake registry", async move { server.await.unwrap() }));
        Self { address, content }
    }

    pub(crate) fn manifest(&self, repository: &str, digest: &str) -> Option<serde_json::Value> {
        let content = self.content.lock();
        let bytes = content.manifests.get(&(repository.to_owned(), digest.to_owned()))?;
        Some(serde_json::from_slice(bytes).unwrap())
    }

    pub(crate) fn blob(&self, digest: &str) -> Vec<u8> {
        self.content.lock().blobs[digest].clone()
    }
}

async fn serve(State(content): State<Arc<Mutex<Content>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.headers.get(header::AUTHORIZATION).is_none_or(|value| value != AUTHORIZATION) {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"registry\"")]).into_response();
    }
    #[expect(clippy::disallowed_methods, reason = "a test's own small bodies")]
    let body = axum::body::to_bytes(body, 100 << 20).await.unwrap();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().replace("%3A", ":").replace("%2F", "/");
    answer(&mut content.lock(), &parts.method, &path, &query, &parts.headers, body)
}

fn answer(
    content: &mut Content,
    method: &Method,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Response {
    let parameter =
        |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned);
    let path = path.strip_prefix("/v2/").unwrap();
    if path.is_empty() {
        return StatusCode::OK.into_response();
    }
    let (head, last) = path.rsplit_once('/').unwrap();
    let location = |path: String| [(header::LOCATION, path)];
    if let Some(repository) = path.strip_suffix("/blobs/uploads/") {
        if let (Some(digest), Some(from)) = (parameter("mount"), parameter("from"))
            && content.linked.contains(&(from, digest.clone()))
        {
            content.linked.insert((repository.to_owned(), digest.clone()));
            return (StatusCode::CREATED, location(format!("/v2/{repository}/blobs/{digest}"))).into_response();
        }
        content.uploads += 1;
        return (StatusCode::ACCEPTED, location(format!("/v2/{repository}/blobs/uploads/{}", content.uploads)))
            .into_response();
    }
    if let Some(repository) = head.strip_suffix("/blobs/uploads") {
        let digest = parameter("digest").unwrap();
        assert_eq!(method, Method::PUT);
        assert_eq!(headers[header::CONTENT_LENGTH], body.len().to_string());
        assert_eq!(Digest::of(&body).to_string(), digest);
        content.blobs.insert(digest.clone(), body.to_vec());
        content.linked.insert((repository.to_owned(), digest.clone()));
        return (StatusCode::CREATED, location(format!("/v2/{repository}/blobs/{digest}"))).into_response();
    }
    if let Some(repository) = head.strip_suffix("/blobs") {
        assert_eq!(method, Method::HEAD);
        let there = content.linked.contains(&(repository.to_owned(), last.to_owned()));
        return if there { StatusCode::OK } else { StatusCode::NOT_FOUND }.into_response();
    }
    if let Some(repository) = path.strip_suffix("/tags/list") {
        let digests = content.manifests.keys().filter(|(other, _)| other == repository).map(|(_, digest)| digest);
        let tags = digests.map(|digest| digest.trim_start_matches("sha256:")).collect::<Vec<_>>();
        return axum::Json(serde_json::json!({ "tags": tags })).into_response();
    }
    let repository = head.strip_suffix("/manifests").unwrap();
    if method == Method::DELETE {
        content.manifests.remove(&(repository.to_owned(), last.to_owned()));
        return StatusCode::ACCEPTED.into_response();
    }
    let digest = Digest::of(&body).to_string();
    assert_eq!(digest.strip_prefix("sha256:"), Some(last), "the digest is the tag");
    let manifest: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let blobs = manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]);
    for blob in blobs {
        let digest = blob["digest"].as_str().unwrap().to_owned();
        assert!(content.linked.contains(&(repository.to_owned(), digest)), "a manifest before its blobs");
    }
    content.manifests.insert((repository.to_owned(), digest.clone()), body.to_vec());
    (StatusCode::CREATED, location(format!("/v2/{repository}/manifests/{digest}"))).into_response()
}
