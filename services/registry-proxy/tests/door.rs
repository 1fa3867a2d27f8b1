//! The door before a real registry: who gets what, and what everybody else is told.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests assert by panicking")]

mod support;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use support::proxy::{Proxy, password};
use support::registry::{MANIFEST, Registry, digest};
use support::wire;

/// Status, OCI code, sentence and our own code of a refusal.
async fn refusal(answer: Response) -> (u16, String, String, String) {
    let own = answer.headers()["deis-error-code"].to_str().unwrap().to_owned();
    let (status, body) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
    let text = |field: &str| body["errors"][0][field].as_str().unwrap().to_owned();
    assert_eq!(body, json!({ "errors": [{ "code": text("code"), "message": text("message") }] }));
    (status, text("code"), text("message"), own)
}

fn told(status: u16, oci: &str, message: &str, own: &str) -> (u16, String, String, String) {
    (status, oci.to_owned(), message.to_owned(), own.to_owned())
}

#[tokio::test]
async fn an_app_s_image_is_pulled_with_its_credentials() {
    let registry = Registry::start().await;
    let (manifest, manifest_digest) = registry.push_image("mine", b"the layer").await;
    let proxy = Proxy::start(&registry).await;
    let get = async |path: &str| proxy.request(Method::GET, path, "mine").send().await.unwrap();

    assert_eq!(get("/v2/").await.status(), StatusCode::OK);
    for reference in ["latest", &manifest_digest] {
        let answer = get(&format!("/v2/mine/manifests/{reference}")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], MANIFEST);
        assert_eq!(answer.headers()["docker-content-digest"], manifest_digest);
        assert_eq!(answer.text().await.unwrap(), manifest);
    }
    // containerd says which registry it means.
    let blob = format!("/v2/mine/blobs/{}?ns=127.0.0.1%3A5555", digest(b"the layer"));
    assert_eq!(get(&blob).await.bytes().await.unwrap(), "the layer");

    let head = proxy.request(Method::HEAD, &blob, "mine").send().await.unwrap();
    assert_eq!((head.status(), &head.headers()["content-length"]), (StatusCode::OK, &"9".parse().unwrap()));
    let part = proxy.request(Method::GET, &blob, "mine").header("range", "bytes=4-8").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], "bytes 4-8/9");
    assert_eq!(part.text().await.unwrap(), "layer");

    let missing = get(&format!("/v2/mine/blobs/{}", digest(b"another"))).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(missing.json::<Value>().await.unwrap()["errors"][0]["code"], "BLOB_UNKNOWN");
}

#[tokio::test]
async fn credentials_are_asked_for_and_checked() {
    let registry = Registry::start().await;
    registry.push_image("mine", b"the layer").await;
    let proxy = Proxy::start(&registry).await;
    let path = "/v2/mine/manifests/latest";
    let get = || proxy.anonymous(Method::GET, path);

    let asked = get().send().await.unwrap();
    assert_eq!(asked.headers()["www-authenticate"], "Basic realm=\"Deis registry\", charset=\"UTF-8\"");
    let sentence = "pull credentials are needed: those in the Secret {app}-pull";
    assert_eq!(refusal(asked).await, told(401, "UNAUTHORIZED", sentence, "not-authenticated"));

    for request in [
        get().basic_auth("mine", Some("")),
        get().basic_auth("mine", Some(password("other"))),
        get().basic_auth("mine", Some(&password("mine")[1..])),
        get().basic_auth("mine/../other", Some(password("mine"))),
        get().basic_auth("", Some("")),
        get().bearer_auth(password("mine")),
        // The registry's own credentials are no key to the door.
        get().basic_auth(support::registry::USERNAME, Some(support::registry::PASSWORD)),
    ] {
        let refused = request.send().await.unwrap();
        assert!(refused.headers().contains_key("www-authenticate"));
        let sentence = "these are not an app's pull credentials";
        assert_eq!(refusal(refused).await, told(401, "UNAUTHORIZED", sentence, "invalid-credentials"));
    }
}

#[tokio::test]
async fn no_spelling_reaches_another_app_s_repository() {
    let registry = Registry::start().await;
    registry.push_image("mine", b"my layer").await;
    registry.push_image("other", b"a secret of other").await;
    let proxy = Proxy::start(&registry).await;
    let blob = digest(b"a secret of other");

    let own = wire::get(proxy.door, &format!("/v2/other/blobs/{blob}"), "other").await;
    assert!(own.starts_with("HTTP/1.1 200") && own.ends_with("a secret of other"), "{own}");

    let plain = wire::get(proxy.door, "/v2/other/manifests/latest", "mine").await;
    assert!(plain.starts_with("HTTP/1.1 403") && plain.contains("\"DENIED\""), "{plain}");
    for target in [
        format!("/v2/other/blobs/{blob}"),
        format!("http://{}/v2/other/blobs/{blob}", proxy.door),
        format!("http://deis-registry:5000/v2/other/blobs/{blob}"),
        format!("/v2/mine/../other/blobs/{blob}"),
        format!("/v2/mine/./../other/blobs/{blob}"),
        format!("/v2/mine/%2e%2e/other/blobs/{blob}"),
        format!("/v2/mine/..%2fother/blobs/{blob}"),
        format!("/v2/mine%2f..%2fother/blobs/{blob}"),
        format!("/v2/mine/blobs/../../other/blobs/{blob}"),
        format!("/v2/mine/blobs/..%2f..%2fother%2fblobs%2f{blob}"),
        format!("/v2//other/blobs/{blob}"),
        format!("//v2/other/blobs/{blob}"),
        format!("/v2/other//blobs/{blob}"),
        format!("/v2/Other/blobs/{blob}"),
        format!("/V2/other/blobs/{blob}"),
        format!("/v2/%6fther/blobs/{blob}"),
        format!("/v2/o%74her/blobs/{blob}"),
        format!("/v2/%256fther/blobs/{blob}"),
        format!("/v2/mine/other/blobs/{blob}"),
        format!("/v2/other/mine/blobs/{blob}"),
        format!("/v2/mine;/../other/blobs/{blob}"),
        format!("/v2/mine\\..\\other/blobs/{blob}"),
        format!("/v2/other/blobs/{blob}?ns=mine"),
        format!("/v2/other/blobs/{blob}#/v2/mine"),
        format!("/v2/mine/manifests/latest/../../../other/blobs/{blob}"),
        format!("/v2/mine/blobs/{blob}"),
        "/v2/_catalog".to_owned(),
        "/v2/other/tags/list".to_owned(),
        "/v2/mine/manifests/latest%00".to_owned(),
        "/".to_owned(),
        "*".to_owned(),
    ] {
        let answer = wire::get(proxy.door, &target, "mine").await;
        let is_refused = ["400", "403", "404"].iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status}")));
        assert!(is_refused && !answer.contains("a secret of other"), "{target}: {answer}");
    }
}

#[tokio::test]
async fn nothing_is_written_through_the_door() {
    let registry = Registry::start().await;
    let (manifest, _) = registry.push_image("mine", b"the layer").await;
    let proxy = Proxy::start(&registry).await;
    let sentence = "only GET and HEAD are served here: images come into the registry by `git push`";
    for (method, path) in [
        (Method::POST, "/v2/mine/blobs/uploads/"),
        (Method::PUT, "/v2/mine/manifests/new"),
        (Method::PATCH, "/v2/mine/blobs/uploads/1"),
        (Method::DELETE, "/v2/mine/manifests/latest"),
        (Method::OPTIONS, "/v2/"),
    ] {
        let refused = proxy.request(method.clone(), path, "mine").body(manifest.clone()).send().await.unwrap();
        assert_eq!(refused.headers()["allow"], "GET, HEAD", "{method}");
        assert_eq!(refusal(refused).await, told(405, "UNSUPPORTED", sentence, "read-only"), "{method}");
    }
    let status = async |tag| {
        let path = format!("/v2/mine/manifests/{tag}");
        proxy.request(Method::HEAD, &path, "mine").send().await.unwrap().status()
    };
    assert_eq!((status("new").await, status("latest").await), (StatusCode::NOT_FOUND, StatusCode::OK));
}

#[tokio::test]
async fn a_registry_that_is_gone_is_named_and_comes_back() {
    let mut registry = Registry::start().await;
    registry.push_image("mine", b"the layer").await;
    let proxy = Proxy::start(&registry).await;
    let get = async || proxy.request(Method::GET, "/v2/mine/manifests/latest", "mine").send().await.unwrap();
    assert_eq!(get().await.status(), StatusCode::OK);
    let status = proxy.status().await;
    assert_eq!(status.upstream, format!("http://{}", registry.address));
    assert_eq!((status.upstream_reachable, status.upstream_error.as_str()), (true, ""));

    registry.stop().await;
    assert_eq!(refusal(get().await).await, told(503, "UNAVAILABLE", "the registry cannot be reached", "unavailable"));
    let status = proxy.status().await;
    assert!(!status.upstream_reachable);
    assert!(status.upstream_error.starts_with("the registry cannot be reached: "), "{}", status.upstream_error);
    assert!(proxy.context.readiness.is_ready());

    registry.start_again().await;
    assert_eq!(get().await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_registry_that_refuses_the_proxy_asks_no_client_for_credentials() {
    let registry = Registry::start().await;
    registry.push_image("mine", b"the layer").await;
    let proxy = Proxy::start_with(&registry, "an old password").await;
    let refused = proxy.request(Method::GET, "/v2/mine/manifests/latest", "mine").send().await.unwrap();
    assert!(!refused.headers().contains_key("www-authenticate"));
    let sentence = "the registry does not accept the proxy's credentials";
    assert_eq!(refusal(refused).await, told(503, "UNAVAILABLE", sentence, "unavailable"));
    assert_eq!(proxy.status().await.upstream_error, sentence);
}

#[tokio::test]
async fn what_goes_through_is_counted() {
    let registry = Registry::start().await;
    let layer = registry.push_blob("mine", b"the layer").await;
    let proxy = Proxy::start(&registry).await;
    let blob = format!("/v2/mine/blobs/{layer}");
    for request in [proxy.request(Method::GET, &blob, "mine"), proxy.anonymous(Method::GET, &blob)] {
        request.send().await.unwrap().bytes().await.unwrap();
    }
    let status = proxy.status().await;
    assert_eq!((status.requests, status.refused, status.bytes_sent), (2, 1, 9));
    assert_eq!(status.version, env!("CARGO_PKG_VERSION"));
    assert!(proxy.context.metrics.encode().unwrap().contains("deis_registry_proxy_sent_bytes_total 9\n"));
}
