//! Registries that the test makes itself: that lie, that lead elsewhere, and that hand out tokens as the big public ones do.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect};
use deis_api::Code;
use deis_proto::builder::PullImageRequest;
use serde_json::json;

use super::common::{Builder, Cncf};
use super::{MANIFEST, Site, here, image, layer};

#[tokio::test]
async fn no_registry_leads_inside() {
    let site = Site::start(Cncf::open().await).await;
    let inside = format!("http://{}/v2/shop/manifests/latest", site.own.address);
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"x\"", site.own.address);
    let redirects = move || Redirect::temporary(&inside);
    let asks = move || (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, realm)]).into_response();
    let routes = Router::new()
        .route("/v2/redirects/manifests/latest", axum::routing::get(async move || redirects()))
        .route("/v2/asks/manifests/latest", axum::routing::get(async move || asks()));
    let evil = serve(routes).await;
    let allowed = format!("--pull-registries=http://{evil}");
    let own = Cncf::start().await;
    let mut arguments = own.arguments();
    arguments.push(allowed);
    let builder = Builder::start_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let victim = site.own;
    let site = Site { builder, own, source: site.source };
    for image_name in ["redirects", "asks"] {
        let request = PullImageRequest {
            username: "me".to_owned(),
            password: "secret".to_owned(),
            ..image(format!("{evil}/{image_name}"))
        };
        let (code, sentence) = site.refusal(request).await;
        let expected = format!(
            "{evil}/{image_name}:latest cannot be pulled: its registry may not be asked, it does not speak TLS."
        );
        assert_eq!((code, sentence), (Code::PermissionDenied, expected));
    }
    drop(victim);
}

/// A registry that sends whatever the test wants.
async fn liar(answers: Vec<(String, &'static str, Vec<u8>)>) -> std::net::SocketAddr {
    let mut routes = Router::new();
    for (path, media_type, content) in answers {
        let answer = axum::routing::get(async move || ([(header::CONTENT_TYPE, media_type)], content));
        routes = routes.route(&format!("/v2/web/{path}"), answer);
    }
    serve(routes).await
}

#[tokio::test]
async fn content_is_what_its_digest_says() {
    let good = layer("app/web", "web");
    let digest = |bytes: &[u8]| deis_oci::Digest::of(bytes).to_string();
    let config =
        json!({ "os": "linux", "architecture": here(), "config": { "User": "1000" } }).to_string().into_bytes();
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config), "size": config.len() },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest(&good), "size": good.len() }],
    })
    .to_string()
    .into_bytes();
    let blob = |bytes: &[u8]| format!("blobs/{}", digest(bytes));
    let pulled = digest(&manifest);
    let mut other = good.clone();
    other.reverse();
    let no_json = b"<html>".to_vec();
    let plain = "application/octet-stream";
    for (manifest, config_sent, layer_sent, code, says) in [
        (&manifest, &config, &other, Code::ImagePullFailed, "sent something else than its manifest names."),
        (&manifest, &config, &good[..9].to_vec(), Code::Unavailable, ""),
        (
            &manifest,
            &config,
            &[good.clone(), b"more".to_vec()].concat(),
            Code::Unavailable,
            "broke off: a layer is longer than it should be.",
        ),
        (&manifest, &b"{}".to_vec(), &good, Code::ImagePullFailed, "sent something else than its manifest names."),
        (&no_json, &config, &good, Code::ImagePullFailed, "The image's manifest cannot be read: "),
    ] {
        let evil = liar(vec![
            ("manifests/latest".to_owned(), MANIFEST, manifest.clone()),
            (blob(&config), plain, config_sent.clone()),
            (blob(&good), plain, layer_sent.clone()),
        ])
        .await;
        let own = Cncf::start().await;
        let mut arguments = own.arguments();
        arguments.push(format!("--pull-registries=http://{evil}"));
        let builder = Builder::start_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let site = Site { builder, source: Cncf::open().await, own };
        let fault = site.pull(image(format!("{evil}/web"))).await.1.unwrap_err();
        assert!(fault.message.contains(says), "{}", fault.message);
        assert_eq!(fault.code, code, "{}", fault.message);
        assert_eq!(site.own.get(&format!("app/manifests/{pulled}")).await.0, StatusCode::NOT_FOUND);
    }
}

/// Serves routes on loopback.
async fn serve(routes: Router) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a server of a test, which ends with it")]
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

/// As the big public registries do it: a token for the credentials, and blobs from somewhere else.
#[tokio::test]
async fn tokens_are_fetched_and_stay_with_their_registry() {
    let content = layer("app/web", "web");
    let config =
        json!({ "os": "linux", "architecture": here(), "config": { "User": "1000" } }).to_string().into_bytes();
    let digest = |bytes: &[u8]| deis_oci::Digest::of(bytes).to_string();
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config), "size": config.len() },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest(&content), "size": content.len() }],
    })
    .to_string()
    .into_bytes();
    let blobs = [config, content].map(|blob| (digest(&blob), blob));
    // The other place fails the pull when it is shown what it should not see.
    let store = axum::routing::get(async move |request: axum::extract::Request| {
        let wanted = request.uri().path().trim_start_matches('/').to_owned();
        let found = blobs.iter().find(|(digest, _)| *digest == wanted).map(|(_, blob)| blob.clone());
        match (request.headers().get(header::AUTHORIZATION), found) {
            (None, Some(blob)) => blob.into_response(),
            _ => StatusCode::BAD_REQUEST.into_response(),
        }
    });
    let store = serve(Router::new().route("/{digest}", store)).await;
    let pulled = digest(&manifest);
    let registry = axum::routing::get(async move |request: axum::extract::Request| {
        let header = |name| request.headers().get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
        let host = header(header::HOST).unwrap();
        if header(header::AUTHORIZATION) != Some("Bearer good") {
            let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"registry\",scope=\"ignored\"");
            return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response();
        }
        match request.uri().path().rsplit_once('/').unwrap() {
            ("/v2/web/manifests", "1") => ([(header::CONTENT_TYPE, MANIFEST)], manifest.clone()).into_response(),
            ("/v2/web/blobs", digest) => Redirect::temporary(&format!("http://{store}/{digest}")).into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    });
    // "me:secret"
    let token = axum::routing::get(async |request: axum::extract::Request| {
        let basic = request.headers().get(header::AUTHORIZATION).is_some_and(|value| value == "Basic bWU6c2VjcmV0");
        let query = request.uri().query().unwrap_or_default();
        match basic && query == "service=registry&scope=repository%3Aweb%3Apull" {
            true => "{\"token\":\"good\"}".into_response(),
            false => StatusCode::UNAUTHORIZED.into_response(),
        }
    });
    let registry = serve(Router::new().route("/token", token).route("/v2/{*path}", registry)).await;
    let own = Cncf::start().await;
    let mut arguments = own.arguments();
    arguments.push(format!("--pull-registries=http://{registry},http://{store}"));
    let builder = Builder::start_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let site = Site { builder, source: Cncf::open().await, own };
    let with = |password: &str| PullImageRequest {
        username: "me".to_owned(),
        password: password.to_owned(),
        ..image(format!("{registry}/web:1"))
    };
    let denied = format!("Permission Denied attempting to pull image {registry}/web:1");
    assert_eq!(site.refusal(with("wrong")).await, (Code::PermissionDenied, denied));
    let image = site.pull(with("secret")).await.1.unwrap().image;
    assert_eq!(image, format!("127.0.0.1:5555/app@{pulled}"));
    assert_eq!(site.own.get(&format!("app/manifests/{pulled}")).await.0, StatusCode::OK);
}
