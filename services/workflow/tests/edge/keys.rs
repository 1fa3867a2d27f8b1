use reqwest::Method;
use serde_json::json;

use super::sandbox::{Sandbox, stable};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0mYpZ8mQm7vXkH0r3hXo7Vd3bqC3sJ2l5oYq2bQm3n bob@laptop";
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC0mYpZ8mQm7vXkH0r3hXo7Vd3bqC3sJ2l5oYq2bQm3n";

#[tokio::test]
async fn keys_are_ones_own() {
    let sandbox = Sandbox::start().await;
    let (bob, eve) = (sandbox.user("bob").await, sandbox.user("eve").await);
    let added = sandbox.post("/v2/keys/", &bob, json!({ "id": "bob@laptop", "public": format!("{KEY}\n") })).await;
    assert_eq!(added.status.as_u16(), 201);
    let list = sandbox.get("/v2/keys", &bob).await;
    insta::assert_json_snapshot!(stable(list.body));
    assert_eq!(sandbox.get("/v2/keys/", &eve).await.body["count"], 0);
    assert_eq!(sandbox.get("/v2/keys/bob@laptop", &bob).await.status.as_u16(), 200);
    let missing = sandbox.get("/v2/keys/bob@laptop", &eve).await;
    assert_eq!(missing.line(), "404 not-found \"No Key matches the given query.\"");
    let delete = |token| sandbox.call(Method::DELETE, "/v2/keys/bob@laptop", Some(token), None);
    assert_eq!(delete(&eve).await.status.as_u16(), 404);
    assert_eq!(delete(&bob).await.status.as_u16(), 204);
    assert_eq!(delete(&bob).await.status.as_u16(), 404);
}

#[tokio::test]
async fn ids_and_keys_are_unique_over_all_users() {
    let sandbox = Sandbox::start().await;
    let (bob, eve) = (sandbox.user("bob").await, sandbox.user("eve").await);
    sandbox.post("/v2/keys/", &bob, json!({ "id": "laptop", "public": KEY })).await;
    let answers = [
        sandbox.post("/v2/keys/", &eve, json!({ "id": "laptop", "public": OTHER })).await,
        sandbox.post("/v2/keys/", &eve, json!({ "id": "mine", "public": KEY.replace("bob@laptop", "eve") })).await,
        sandbox.post("/v2/keys/", &eve, json!({ "id": "mine", "public": "ssh-ed25519 ???" })).await,
        sandbox.post("/v2/keys/", &eve, json!({ "id": "mine" })).await,
        sandbox.post("/v2/keys/", &eve, json!({ "id": "a/b", "public": OTHER })).await,
        sandbox.post("/v2/keys/", &bob, json!({ "id": "laptop", "public": KEY })).await,
        sandbox.post("/v2/keys/", &bob, json!({ "id": "laptop", "public": OTHER })).await,
    ];
    insta::assert_yaml_snapshot!(answers.iter().map(|answer| answer.line()).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_id_has_128_characters_at_most() {
    let sandbox = Sandbox::start().await;
    let token = sandbox.user("bob").await;
    let refused = sandbox.post("/v2/keys/", &token, json!({ "id": "x".repeat(129), "public": KEY })).await;
    let refusal = json!({ "id": ["Ensure this field has no more than 128 characters."] });
    assert_eq!(refused.line(), format!("400 invalid-argument {refusal}"));
    let added = sandbox.post("/v2/keys/", &token, json!({ "id": "x".repeat(128), "public": KEY })).await;
    assert_eq!(added.status.as_u16(), 201, "{added:?}");
}
