//! Kubernetes in bad weather: it has errors, does not answer, and dies with all watches. A deploy that goes on
//! meanwhile says what it waits for, and comes to its end when the weather is fair again.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::Client;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::json;

use crate::support::{App, Developer, Following, Platform, Repository, node};

/// What the policy of this test is called.
const NAME: &str = "weather";

#[tokio::test]
async fn a_deploy_outlasts_whatever_kubernetes_does() {
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "sailor").await;
    let (repository, app) = developer.pushed_app("go").await;
    let played = AssertUnwindSafe(play(&platform, &repository, &app)).catch_unwind().await;
    // Whatever came of it, others have fair weather.
    etcd("CONT").await;
    drop(node(&["up"]).await);
    clear(&platform.client).await;
    let (commit, push) = played.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    assert!(push.ended().await.success());
    app.was_pushed(&commit, true);
    platform.agree().await;
}

/// Pushes, and reads what is said of each fault.
async fn play(platform: &Platform, repository: &Repository<'_>, app: &App<'_>) -> (String, Following) {
    fail(&platform.client, &app.name).await;
    let commit = repository.commit("In bad weather").await;
    let mut push = repository.following_push();
    push.until("Kubernetes has an error (500: Internal error occurred: failed calling webhook").await;

    etcd("STOP").await;
    push.until("Kubernetes or the ledger is slow to answer").await;
    etcd("CONT").await;
    push.until("Kubernetes has an error (500").await;

    // It is back within a second; all that the deploy waits for from here on comes by new watches.
    drop(node(&["exec", "--", "pkill", "-KILL", "--full", "^[^ ]*/kube kube-apiserver "]).await);
    (commit, push)
}

/// The API server answers the app's writes with 500: somebody's policy is asked, who does not exist.
#[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
async fn fail(client: &Client, app: &str) {
    let webhook = json!({
        "name": "weather.example.com",
        "clientConfig": { "service": { "namespace": "default", "name": "nobody" } },
        "rules": [{ "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"],
                    "resources": ["secrets", "replicationcontrollers"] }],
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": app } },
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    });
    let policy = json!({ "metadata": { "name": NAME }, "webhooks": [webhook] });
    let policies = Api::<ValidatingWebhookConfiguration>::all(client.clone());
    policies.create(&PostParams::default(), &serde_json::from_value(policy).unwrap()).await.unwrap();
}

/// Sends a signal to the etcd of Kubernetes; that of the platform has other arguments.
async fn etcd(signal: &str) {
    drop(node(&["exec", "--", "pkill", &format!("-{signal}"), "--full", "etcd --data-dir=/var/lib/etcd "]).await);
}

#[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
async fn clear(client: &Client) {
    let policies = Api::<ValidatingWebhookConfiguration>::all(client.clone());
    match policies.delete(NAME, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        deleted => drop(deleted.unwrap()),
    }
}
