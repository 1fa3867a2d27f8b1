//! The builders' claim, on a cluster that may have one already.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::rendered::{CHART, helm, objects};

const CLAIM: &str = "repositories-deis-builder-0";

/// As much of Kubernetes as `lookup` asks, with this claim.
fn answer(path: &str, claim: Option<&Value>) -> Response {
    let of_a_claim = format!("/api/v1/namespaces/deis/persistentvolumeclaims/{CLAIM}");
    let verbs = ["get"];
    let resource = json!({ "name": "persistentvolumeclaims", "kind": "PersistentVolumeClaim", "namespaced": true, "verbs": verbs });
    let body = match path {
        "/version" => json!({ "major": "1", "minor": "35", "gitVersion": "v1.35.0" }),
        "/api" => json!({ "kind": "APIVersions", "versions": ["v1"] }),
        "/apis" => json!({ "kind": "APIGroupList", "groups": [] }),
        "/api/v1" => json!({ "kind": "APIResourceList", "groupVersion": "v1", "resources": [resource] }),
        path if path == of_a_claim && claim.is_some() => json!(claim),
        _ => {
            let status =
                json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404 });
            return (StatusCode::NOT_FOUND, Json(status)).into_response();
        }
    };
    Json(body).into_response()
}

/// Whether an install or upgrade of the release `deis` has the claim among its objects.
async fn renders(claim: Option<Value>) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(async move |uri: axum::http::Uri| answer(uri.path(), claim.as_ref()));
    #[expect(clippy::disallowed_methods, reason = "a test has no process around it")]
    let served = tokio::spawn(async { axum::serve(listener, router).await });
    let output =
        helm(&["template", "deis", CHART, "--namespace=deis", "--dry-run=server", "--kube-apiserver", &server]);
    served.abort();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rendered = String::from_utf8(output.stdout).unwrap();
    let rendered = objects(&rendered);
    assert!(rendered.iter().any(|object| object["kind"] == "Deployment"));
    rendered.iter().any(|object| object["kind"] == "PersistentVolumeClaim" && object["metadata"]["name"] == CLAIM)
}

/// helm refuses to take over what it has not made, and what leaves a release it deletes, unless told to keep it.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_made_once_and_anybody_elses_is_used_as_it_is() {
    let claim = |annotations: Value| {
        let metadata = json!({ "name": CLAIM, "namespace": "deis", "annotations": annotations });
        Some(json!({ "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata }))
    };
    let of_release = |name: &str| claim(json!({ "meta.helm.sh/release-name": name }));
    assert!(renders(None).await, "a new platform");
    assert!(renders(of_release("deis")).await, "its upgrade");
    assert!(
        !renders(claim(json!({ "pv.kubernetes.io/bind-completed": "yes" }))).await,
        "a StatefulSet's, of an earlier chart"
    );
    assert!(!renders(claim(Value::Null)).await, "a StatefulSet's");
    assert!(!renders(of_release("platform")).await, "of a release that was uninstalled");
}
