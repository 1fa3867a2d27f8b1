//! Kubernetes in bad weather: it puts the controller off, has errors, does not answer, and dies with all watches. A deploy that goes on
//! meanwhile says what it waits for, and comes to its end when the weather is fair again.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use kube::api::{Api, DeleteParams, PostParams};
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::{App, Developer, Following, Platform, Repository, node};

/// What the objects of this test are called.
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
    clear::<FlowSchema>(&platform.client).await;
    clear::<PriorityLevelConfiguration>(&platform.client).await;
    clear::<ValidatingWebhookConfiguration>(&platform.client).await;
    let (commit, push) = played.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    assert!(push.ended().await.success());
    app.was_pushed(&commit, true);
    platform.agree().await;
}

/// Pushes, and reads what is said of each fault.
async fn play(platform: &Platform, repository: &Repository<'_>, app: &App<'_>) -> (String, Following) {
    put_off(&platform.client).await;
    let commit = repository.commit("In bad weather").await;
    let mut push = repository.following_push();
    push.until("Kubernetes has too much to do and puts us off (429), trying again.").await;

    fail(&platform.client, &app.name).await;
    clear::<FlowSchema>(&platform.client).await;
    push.until("Kubernetes has an error (500: Internal error occurred: failed calling webhook").await;

    etcd("STOP").await;
    push.until("Kubernetes or the ledger is slow to answer (10 s so far).").await;
    etcd("CONT").await;
    push.until("Kubernetes has an error (500").await;

    drop(node(&["exec", "--", "pkill", "-KILL", "--full", "^[^ ]*/kube kube-apiserver "]).await);
    push.until("Kubernetes cannot be reached, trying again.").await;
    (commit, push)
}

/// The API server answers the controller's writes with 429: they have a priority of their own, and no seats.
async fn put_off(client: &Client) {
    let no_seats = json!({ "nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0,
                           "limitResponse": { "type": "Reject" } });
    create::<PriorityLevelConfiguration>(client, json!({ "type": "Limited", "limited": no_seats })).await;
    let controller = json!({ "kind": "ServiceAccount",
                             "serviceAccount": { "namespace": "deis", "name": "deis-workflow" } });
    let writes = json!({ "verbs": ["create", "update", "patch", "delete"], "apiGroups": ["*"], "resources": ["*"],
                         "namespaces": ["*"] });
    let schema = json!({
        "matchingPrecedence": 2,
        "priorityLevelConfiguration": { "name": NAME },
        "rules": [{ "subjects": [controller], "resourceRules": [writes] }],
    });
    create::<FlowSchema>(client, schema).await;
}

/// The API server answers the app's writes with 500: somebody's policy is asked, who does not exist.
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
    create_whole::<ValidatingWebhookConfiguration>(client, json!({ "webhooks": [webhook] })).await;
}

/// Sends a signal to the etcd of Kubernetes; that of the platform has other arguments.
async fn etcd(signal: &str) {
    drop(node(&["exec", "--", "pkill", &format!("-{signal}"), "--full", "etcd --data-dir=/var/lib/etcd "]).await);
}

async fn create<K>(client: &Client, spec: Value)
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    create_whole::<K>(client, json!({ "spec": spec })).await;
}

#[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
async fn create_whole<K>(client: &Client, mut object: Value)
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    object["metadata"] = json!({ "name": NAME });
    let object: K = serde_json::from_value(object).unwrap();
    Api::<K>::all(client.clone()).create(&PostParams::default(), &object).await.unwrap();
}

#[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
async fn clear<K>(client: &Client)
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    match Api::<K>::all(client.clone()).delete(NAME, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        deleted => drop(deleted.unwrap()),
    }
}
